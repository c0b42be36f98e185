"""The part of a coupling that is known up to a few amplitudes, fitted to the coarse mesh.

A column X is a coupling on the cells of the fine mesh; folded on the coarse one it has to
explain, with the others, what a run knows there.  What is left over is taken for
independent numbers of variance sigma^2 on the fine cells (images.py), so that a coarse entry, a
sum of several, has the sum of their variances; amplitudes are those of the smallest

    sum (y - sum_j c_j fold(X_j))^2 / variance  +  ridge |c|^2 tr(A) / j

with A the matrix of the normal equations, j x j.

Couplings of other materials are combined with two amplitudes, one for all entries and what those
with a = b, Re = 0 deviate from it; the deviations cost more.
"""

import numpy as np
from jaxtyping import Float

RIDGE = 1e-3  # of model responses, which are much alike
NO_RIDGE = 1e-8
DEVIATION = 0.1  # ridge of deviations, of a column's own square


def fold(values_p: Float[np.ndarray, "p *x"], class_p: np.ndarray) -> Float[np.ndarray, "o *x"]:
    """Sums over the fine cells of each coarse class."""
    found = np.zeros((class_p.max() + 1, *values_p.shape[1:]), dtype=values_p.dtype)
    np.add.at(found, class_p, values_p)
    return found


def amplitudes(
    columns_xj: Float[np.ndarray, "x j"],
    y_xi: Float[np.ndarray, "x i"],
    variance_x: Float[np.ndarray, " x"],
    ridge: float,
) -> Float[np.ndarray, "j i"]:
    """c of the module's equation for several right-hand sides."""
    root_x1 = np.sqrt(variance_x)[:, None]
    scaled_xj = columns_xj / root_x1
    normal_jj = scaled_xj.T @ scaled_xj
    penalty = ridge * np.trace(normal_jj) / len(normal_jj)
    return np.linalg.solve(
        normal_jj + penalty * np.eye(len(normal_jj)), scaled_xj.T @ (y_xi / root_x1)
    )


def signs(
    y_abx: Float[np.ndarray, "a a x"], template_abx: Float[np.ndarray, "a a x"]
) -> Float[np.ndarray, " a"]:
    """+1 or -1 for each function of a template, so that its couplings agree with y.

    Real functions are known up to their sign.  From one function to the next the pair with the
    largest |product| decides.
    """
    product_ab = np.einsum("abx,abx->ab", y_abx, template_abx)
    product_ab = product_ab + product_ab.T
    sign_a, done = np.ones(len(product_ab)), [0]
    while len(done) < len(product_ab):
        rest = [b for b in range(len(product_ab)) if b not in done]
        table = np.abs(product_ab[np.ix_(done, rest)])
        i, j = np.unravel_index(np.argmax(table), table.shape)
        a, b = done[i], rest[j]
        sign_a[b] = sign_a[a] * (1.0 if product_ab[a, b] >= 0 else -1.0)
        done.append(b)
    return sign_a


def combined(
    columns: list[Float[np.ndarray, "p s 3 k a a"]],
    y_oscrab: Float[np.ndarray, "o s 3 k a a"],
    variance: Float[np.ndarray, "o s k a a"],
    class_p: np.ndarray,
) -> Float[np.ndarray, "p s 3 k a a"]:
    """The combination of couplings that fits all entries best, one amplitude each."""
    signed = [in_signs(column, y_oscrab, class_p) for column in columns]
    folded_xj = np.stack([fold(column, class_p).ravel() for column in signed], axis=1)
    full = np.broadcast_to(variance[:, :, None], y_oscrab.shape).ravel()
    amount_j = amplitudes(folded_xj, y_oscrab.reshape(-1, 1), full, RIDGE)[:, 0]
    return np.einsum("j,j...->...", amount_j, np.stack(signed))


def blended(
    columns: list[Float[np.ndarray, "p s 3 k a a"]],
    y_oscrab: Float[np.ndarray, "o s 3 k a a"],
    variance: Float[np.ndarray, "o s k a a"],
    class_p: np.ndarray,
) -> Float[np.ndarray, "p s 3 k a a"]:
    """The same with deviations of the entries a = b, Re = 0; columns count alike, whatever size."""
    root = np.sqrt(variance)[:, :, None]
    signed, rows, ridges = [], [], []
    for column in columns:
        own = in_signs(column, y_oscrab, class_p)
        for part, ridge in ((own, RIDGE), *((one, DEVIATION) for one in _apart(own))):
            row_x = (fold(part, class_p) / root).ravel()
            size = np.linalg.norm(row_x)
            if size > 0:
                signed.append(part / size)
                rows.append(row_x / size)
                ridges.append(ridge)
    row_jx = np.stack(rows)
    normal_jj = row_jx @ row_jx.T + np.diag(ridges)
    amount_j = np.linalg.solve(normal_jj, row_jx @ (y_oscrab / root).ravel())
    return sum(amount * part for amount, part in zip(amount_j, signed, strict=True))


def in_signs(
    column: Float[np.ndarray, "p s 3 k a a"],
    y_oscrab: Float[np.ndarray, "o s 3 k a a"],
    class_p: np.ndarray,
) -> Float[np.ndarray, "p s 3 k a a"]:
    """A coupling with its functions in the signs of those of a coarse one."""
    y_abx, folded_abx = (
        np.moveaxis(x, (-2, -1), (0, 1)).reshape(*x.shape[-2:], -1)
        for x in (y_oscrab, fold(column, class_p))
    )
    sign_a = signs(y_abx, folded_abx)
    return column * (sign_a[:, None] * sign_a)


def _apart(column: Float[np.ndarray, "p s 3 k a a"]) -> tuple[np.ndarray, np.ndarray]:
    """Entries a = b, Re = 0, and all others."""
    a = np.arange(column.shape[-1])
    others = column.copy()
    others[:, :, :, 0, a, a] = 0
    return column - others, others
