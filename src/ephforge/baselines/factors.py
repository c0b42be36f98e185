"""Linear prediction of coefficients from those already coded: Gaussian factors.

c_e = sum_r L_er z_r + rest_e, z ~ N(0, 1), the rest of mean size s_e.  The posterior of z given
the coefficients coded so far, of precision 1 + sum_e L_e L_e^T / noise_e, predicts the others.
"""

import numpy as np
from scipy.linalg import cholesky, solve_triangular

_LAPLACE_VARIANCE = 2.0  # E x^2 / (E|x|)^2 of a Laplace law
_SEEN = 0.05  # in steps; smaller coefficients are neither predicted nor learned from
_FAINT = 0.05  # in steps; factors of a smaller norm predict nothing
_ROUNDED = 1 / 12  # variance of the rounding error, in steps^2
_ZEROED = 0.5  # the same where the symbol is zero, beyond rate-distortion optimised rounding


class Posterior:
    """Of the factors; all in steps.  Without loadings it predicts 0 and the prior scale."""

    def __init__(self, loading_er, scale_e, step):
        self.scale_e = self.prior_scale_e = scale_e
        self.loading_er = None
        if loading_er is not None:
            loading_er = loading_er.astype(float) / step  # files and memory hold singles
            self.loading_er = loading_er[:, np.linalg.norm(loading_er, axis=0) > _FAINT]
            self.precision_rs = np.eye(self.loading_er.shape[1])
            self.information_r = np.zeros(len(self.precision_rs))
            self.prior_scale_e = self._scale(scale_e, (self.loading_er**2).sum(axis=1))

    def predicted(self, index_i):
        """Mean, and mean absolute deviation from it, of some coefficients."""
        mean_i, scale_i = np.zeros(len(index_i)), self.scale_e[index_i].copy()
        is_seen_i = self.prior_scale_e[index_i] > _SEEN
        if self.loading_er is None or not is_seen_i.any():
            return mean_i, scale_i
        loading_ir = self.loading_er[index_i[is_seen_i]]
        root_rs = cholesky(self.precision_rs, lower=True, check_finite=False)
        white_ri = solve_triangular(root_rs, loading_ir.T, lower=True, check_finite=False)
        white_r = solve_triangular(root_rs, self.information_r, lower=True, check_finite=False)
        mean_i[is_seen_i] = white_r @ white_ri
        variance_i = np.einsum("ri,ri->i", white_ri, white_ri)
        scale_i[is_seen_i] = self._scale(scale_i[is_seen_i], variance_i)
        return mean_i, scale_i

    def learn(self, index_i, value_i, is_zero_i, gain_i):
        """Take note of coded coefficients, as rounded; `gain_i` is what scales turned out to be."""
        is_seen_i = self.prior_scale_e[index_i] > _SEEN
        if self.loading_er is None or not is_seen_i.any():
            return
        index_i, value_i, is_zero_i, gain_i = (
            part_i[is_seen_i] for part_i in (index_i, value_i, is_zero_i, gain_i)
        )
        noise_i = _LAPLACE_VARIANCE * (self.scale_e[index_i] * gain_i) ** 2
        noise_i = noise_i + np.where(is_zero_i, _ZEROED, _ROUNDED)
        weighted_ir = self.loading_er[index_i] / noise_i[:, None]
        self.precision_rs = self.precision_rs + self.loading_er[index_i].T @ weighted_ir
        self.information_r = self.information_r + weighted_ir.T @ value_i

    @staticmethod
    def _scale(scale_e, variance_e):
        return np.sqrt(scale_e**2 + variance_e / _LAPLACE_VARIANCE)
