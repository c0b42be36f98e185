"""A codec in a file: it decodes the same, in this process and in another."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from degenerate_blocks import degenerate_block
from material_blocks import make_block
from small_networks import SMALL, small_codec

from ephforge.core.errors import EphforgeError
from ephforge.core.netcdf import read, write
from ephforge.model.codec import Codec
from ephforge.model.storage import codec_of, codec_variables, load_codec
from ephforge.model.transform import statistics_of

TRAINING = [make_block("fcc", 1, **SMALL), make_block("zincblende", 2, **SMALL)]
# seen class and channels, unseen class
TARGETS = [degenerate_block("fcc", 7, bands=2, **SMALL), make_block("cscl", 8, bands=1, **SMALL)]
CODED = [*TARGETS, TARGETS[0]]  # the last one with bits enough for remainders
BITS = 500

ANOTHER_PROCESS = """
import sys
sys.path.insert(0, sys.argv[1])
import numpy as np
from test_codec_file import CODED
from ephforge.model.storage import load_codec
codec = load_codec(sys.argv[2] + "/codec.nc")
for i, block in enumerate(CODED):
    data = open(f"{sys.argv[2]}/{i}.code", "rb").read()
    np.save(f"{sys.argv[2]}/{i}.npy", codec.decode(data, block))
"""


def stored(codec, path):
    variables, attributes, groups = codec_variables(codec)
    write(path, "train", variables, attributes, groups)


@pytest.mark.parametrize("count", [1, 2], ids=["one material", "two"])
@pytest.mark.parametrize("trained", [False, True])
def test_a_codec_survives_its_file(tmp_path, count, trained):
    codec = small_codec(statistics_of(TRAINING[:count]), seed=3, trained=trained)
    stored(codec, tmp_path / "codec.nc")
    again = codec_of(read(tmp_path / "codec.nc", "train"))
    assert isinstance(again, Codec)
    np.testing.assert_array_equal(again.share_tb, codec.share_tb)
    code = codec.encode(TARGETS[0], BITS)
    assert again.encode(TARGETS[0], BITS).data == code.data
    np.testing.assert_array_equal(again.decode(code.data, TARGETS[0]), code.g)
    np.testing.assert_array_equal(again.features(TARGETS[0]), codec.features(TARGETS[0]))


def test_another_process_decodes_the_same(tmp_path):
    codec = small_codec(statistics_of(TRAINING), seed=3, trained=True)
    stored(codec, tmp_path / "codec.nc")
    again = load_codec(tmp_path / "codec.nc")
    codes = [again.encode(b, bits) for b, bits in zip(CODED, (BITS, BITS, 12 * BITS), strict=True)]
    for i, code in enumerate(codes):
        (tmp_path / f"{i}.code").write_bytes(code.data)
    tests = Path(__file__).parent
    path = f"import sys; sys.path.append({str(tests.parent)!r})\n"
    subprocess.run(
        [sys.executable, "-c", path + ANOTHER_PROCESS, str(tests), str(tmp_path)], check=True
    )
    for i, code in enumerate(codes):
        np.testing.assert_array_equal(np.load(tmp_path / f"{i}.npy"), code.g)


def test_an_autoencoder_of_an_earlier_version_is_refused_in_one_line(tmp_path):
    codec = small_codec(statistics_of(TRAINING), seed=3)
    variables, attributes, groups = codec_variables(codec)
    del groups["remainder_prior"]
    write(tmp_path / "old.nc", "train", variables, attributes, groups)
    with pytest.raises(EphforgeError, match=r"old.nc: no group remainder_prior, .* train it again"):
        load_codec(tmp_path / "old.nc")
