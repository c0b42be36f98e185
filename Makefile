# make campaign   from nothing to results/report/index.html
# make test       from nothing to passed tests
# make firstprinciples   models of real materials by Quantum ESPRESSO and EPW (hours)
# make status     how far the campaign in this folder is: done, failed, time left, last errors
# make docs       the pages of docs/ as a website in site/, without network
# make headline   picture and table of README.md, by the autoencoder that comes with ephforge
# make why        what a run would do, and why: one line for each rule
# make faults     the long tests of faults; figures go to benchmarks/faults.json (hours)
# Options: PYTHON=python3.12 (which Python), EXTRA=cuda (JAX for NVIDIA GPUs),
#          ARGS="..." (more arguments for snakemake or pytest)

PYTHON ?=
EXTRA ?=
ARGS ?=
VENV := .venv
STAMP := $(VENV)/installed$(addprefix -,$(EXTRA))

.PHONY: campaign test status docs headline why faults firstprinciples environment lint format config lock clean

campaign: environment
	$(VENV)/bin/snakemake --profile profiles/local $(ARGS)
	@echo "report: $(CURDIR)/results/report/index.html"

test: environment
	$(VENV)/bin/python -m pytest $(ARGS)

status: environment
	@$(VENV)/bin/ephforge status

docs: environment
	@NO_MKDOCS_2_WARNING=1 $(VENV)/bin/mkdocs build --strict --quiet
	@echo "pages: $(CURDIR)/site/index.html"

headline: environment
	$(VENV)/bin/python docs/headline.py

why: environment
	@$(VENV)/bin/python workflow/why.py --profile profiles/local $(ARGS)

# fewer jobs of nothing on Slurm: make faults ARGS="--shard-jobs 100"; a part: FAULTS=tests/slurm
FAULTS ?= tests/slurm tests/core/test_publish.py tests/core/test_flipped_bits.py \
  tests/train/test_killed_training.py tests/test_bad_input.py tests/test_fuzz.py
faults: environment
	$(VENV)/bin/python -m pytest $(FAULTS) --faults benchmarks/faults.json $(ARGS)

# of one material: make firstprinciples MODELS=results/espresso/si_2.nc
MODELS ?= real_materials
firstprinciples: environment
	$(VENV)/bin/snakemake --profile profiles/local --keep-going $(ARGS) $(MODELS)

environment: $(STAMP)

$(STAMP): requirements.lock pyproject.toml envs/create.sh
	PYTHON="$(PYTHON)" EXTRA="$(EXTRA)" bash envs/create.sh $(VENV)
	@touch $@

lint: environment
	$(VENV)/bin/ruff check . && $(VENV)/bin/ruff format --check .
	$(VENV)/bin/snakefmt --check Snakefile workflow

format: environment
	$(VENV)/bin/ruff check --fix . && $(VENV)/bin/ruff format .
	$(VENV)/bin/snakefmt Snakefile workflow

# config.yaml and config/schema.json from src/ephforge/config.py
config: environment
	$(VENV)/bin/python -m ephforge.config

# newest versions that fit pyproject.toml, for Python 3.11 to 3.13
lock: environment
	$(VENV)/bin/pip install --quiet uv
	$(VENV)/bin/uv pip compile pyproject.toml --extra dev --universal --fork-strategy fewest \
	  --python-version 3.11 --generate-hashes --no-header --upgrade -o requirements.lock

# results and logs; the environment stays
clean:
	rm -rf results logs .snakemake
	find benchmarks -type f ! -name '*.py' -delete
