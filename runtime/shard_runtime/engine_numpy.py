"""The forward pass in numpy: float32, one thread, working arrays reused.

Post-LayerNorm encoder of BERT (Devlin et al. 2019), RoBERTa and DistilBERT. Element-wise steps
run over blocks of rows that stay in the processor's cache.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from shard_runtime.decode import TableExpand, decode_shard
from shard_runtime.errors import InputError
from shard_runtime.scratch import Scratch

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from numpy.typing import NDArray

    from plan_contracts import Architecture
    from plan_contracts.model import Activation
    from shard_runtime.decode import Expand
    from shard_runtime.engine import LayerBiases, LayerWeights
    from shard_runtime.weights import FloatArray, Matrices, ShardShape

BLOCK_FLOATS = 32768
"""Large enough that calls cost little beside their work, small enough for the cache."""
MASKED_SCORE = np.float32(-1e9)
SMALLEST_NORM = np.float32(1e-12)

# Phi(x) - 1/2 = x P(x^2) / Q(x^2) for the normal distribution function Phi: minimax over
# |x| <= PHI_LIMIT, clamped beyond; a test holds erf from it to 1e-6 of math.erf.
PHI_LIMIT = 5.2325902
PHI_P = (0.398941697, 0.0618165976, 0.00618710547, 0.000428171357, 5.57117882e-06, -1.65997888e-08)
PHI_Q = (1.0, 0.32160829, 0.0441280705, 0.00334877161, 0.000143901057)
TANH_GELU_SCALE = math.sqrt(2 / math.pi)
TANH_GELU_CUBIC = 0.044715


class NumpyEngine:
    """Engine in plain numpy; see the protocol `Engine`."""

    def __init__(
        self, architecture: Architecture, shape: ShardShape, resident: Mapping[str, FloatArray]
    ) -> None:
        self._architecture = architecture
        self._shape = shape
        self._resident = resident
        self._epsilon = np.float32(architecture.layer_norm_epsilon)
        self._scratch = Scratch()
        self._table_expand = TableExpand()

    @property
    def nbytes(self) -> int:
        """Bytes of working arrays, grown to the largest input seen."""
        return self._scratch.nbytes + self._table_expand.nbytes

    @property
    def expand(self) -> Expand:
        """How this engine turns codes into weights."""
        return self._table_expand

    def decode(self, encoded: bytes | memoryview, bits: int, out: Matrices) -> None:
        """Decode one shard into its row blocks."""
        decode_shard(encoded, bits, out, self.expand)

    def embed(self, token_ids: NDArray[np.int64], attention_mask: NDArray[np.bool_]) -> FloatArray:
        """(B, S) token ids and mask -> (B, S, H); InputError if they do not fit the model."""
        words = self._resident["embeddings.word"]
        positions = self._resident["embeddings.position"]
        offset = self._architecture.position_offset
        _check_tokens(token_ids, attention_mask, len(words), len(positions) - offset)
        length = token_ids.shape[1]
        hidden = words[token_ids]
        hidden += positions[offset : offset + length]
        if "embeddings.token_type" in self._resident:
            hidden += self._resident["embeddings.token_type"][0]
        weight, bias = (self._resident[f"embeddings.norm.{name}"] for name in ("weight", "bias"))
        self.normalise(hidden.reshape(-1, self._shape.hidden), weight, bias)
        return hidden

    def layer(
        self, hidden: FloatArray, attention_mask: NDArray[np.bool_], weights: LayerWeights
    ) -> FloatArray:
        """One transformer layer, (B, S, H) -> (B, S, H)."""
        matrices, biases = weights.matrices, weights.biases
        rows = hidden.reshape(-1, self._shape.hidden)
        context = self._attention(rows, attention_mask, matrices, biases)
        after = self._scratch.array("after_attention", rows.shape, np.float32)
        np.matmul(context, matrices.attention_output, out=after)
        self.add_normalise(
            after,
            rows,
            biases.attention_output,
            biases.attention_norm_weight,
            biases.attention_norm_bias,
        )
        neurons = self._scratch.array("neurons", (len(rows), len(matrices.ffn_in)), np.float32)
        np.matmul(after, matrices.ffn_in.T, out=neurons)
        self.activate(neurons, biases.ffn_in)
        result = np.matmul(neurons, matrices.ffn_out)
        self.add_normalise(
            result, after, biases.ffn_out, biases.output_norm_weight, biases.output_norm_bias
        )
        return result.reshape(hidden.shape)

    def head(self, hidden: FloatArray, attention_mask: NDArray[np.bool_]) -> FloatArray:
        """(B, S, H) -> (B, H) embeddings or (B, labels) logits."""
        match self._architecture.head:
            case "classifier":
                return self._classify(hidden[:, 0])
            case "cls_embedding":
                embedding = hidden[:, 0].copy()
            case "mean_embedding":
                embedding = _mean_over_tokens(hidden, attention_mask)
        if self._architecture.normalise:
            norms = np.sqrt(np.einsum("bh,bh->b", embedding, embedding))
            embedding /= np.maximum(norms, SMALLEST_NORM)[:, None]
        return embedding

    def activate(self, values: FloatArray, bias: FloatArray) -> None:
        """Values = activation(values + bias), in place; values (rows, columns)."""
        for block in _row_blocks(values):
            np.add(block, bias, out=block)
            work = (
                self._scratch.array("gelu_square", block.shape, np.float32),
                self._scratch.array("gelu_numerator", block.shape, np.float32),
                self._scratch.array("gelu_denominator", block.shape, np.float32),
            )
            _apply(self._architecture.activation, block, work)

    def softmax(self, scores: FloatArray, masked: FloatArray) -> None:
        """Softmax over the last axis of scores + masked, in place; scores (B, m, S, S)."""
        scores += masked
        scores -= scores.max(axis=-1, keepdims=True)
        np.exp(scores, out=scores)
        scores /= scores.sum(axis=-1, keepdims=True)

    def add_normalise(
        self,
        rows: FloatArray,
        residual: FloatArray,
        added_bias: FloatArray,
        weight: FloatArray,
        bias: FloatArray,
    ) -> None:
        """Rows = LayerNorm(rows + added_bias + residual) * weight + bias, in place."""
        rows += added_bias
        rows += residual
        self.normalise(rows, weight, bias)

    def normalise(self, rows: FloatArray, weight: FloatArray, bias: FloatArray) -> None:
        """LayerNorm over the columns, in place."""
        rows -= rows.mean(axis=1, keepdims=True)
        variance = np.einsum("rc,rc->r", rows, rows) / np.float32(rows.shape[1])
        rows /= np.sqrt(variance + self._epsilon)[:, None]
        rows *= weight
        rows += bias

    def _attention(
        self,
        rows: FloatArray,
        attention_mask: NDArray[np.bool_],
        matrices: Matrices,
        biases: LayerBiases,
    ) -> FloatArray:
        """(B*S, H) -> (B*S, m * head_dim): what the m heads read from all tokens."""
        batch, length = attention_mask.shape
        query = self._project("query", rows, matrices.query, biases.query)
        query *= np.float32(1 / math.sqrt(self._shape.head_dim))
        key = self._project("key", rows, matrices.key, biases.key)
        value = self._project("value", rows, matrices.value, biases.value)
        heads = query.shape[1] // self._shape.head_dim
        by_head = (batch, length, heads, self._shape.head_dim)
        queries, keys, values = (
            projected.reshape(by_head).transpose(0, 2, 1, 3) for projected in (query, key, value)
        )
        scores = self._scratch.array("scores", (batch, heads, length, length), np.float32)
        np.matmul(queries, keys.transpose(0, 1, 3, 2), out=scores)
        self.softmax(scores, np.where(attention_mask, np.float32(0), MASKED_SCORE)[:, None, None])
        # The queries are spent: what the heads read takes their place.
        np.matmul(scores, values, out=queries)
        return query

    def _project(
        self, name: str, rows: FloatArray, matrix: FloatArray, bias: FloatArray
    ) -> FloatArray:
        projected = self._scratch.array(name, (len(rows), len(matrix)), np.float32)
        np.matmul(rows, matrix.T, out=projected)
        projected += bias
        return projected

    def _classify(self, first: FloatArray) -> FloatArray:
        """The families' classification heads: dense, tanh (DistilBERT: relu), output."""
        pooled = self._dense("head.dense", first)
        if self._architecture.family == "distilbert":
            np.maximum(pooled, 0, out=pooled)
        else:
            np.tanh(pooled, out=pooled)
        return self._dense("head.output", pooled)

    def _dense(self, name: str, rows: FloatArray) -> FloatArray:
        result = np.matmul(rows, self._resident[f"{name}.weight"].T)
        result += self._resident[f"{name}.bias"]
        return result


def _check_tokens(
    token_ids: NDArray[np.int64], mask: NDArray[np.bool_], vocabulary: int, longest: int
) -> None:
    if token_ids.ndim != 2 or token_ids.shape != mask.shape:  # noqa: PLR2004 - (B, S)
        message = (
            f"token ids and mask must have one shape (inputs, tokens), got {token_ids.shape} "
            f"and {mask.shape}"
        )
        raise InputError(message)
    if not 1 <= token_ids.shape[1] <= longest:
        message = f"an input must have 1..{longest} tokens, got {token_ids.shape[1]}"
        raise InputError(message)
    outside = (token_ids < 0) | (token_ids >= vocabulary)
    if outside.any():
        message = f"token ids must be within 0..{vocabulary - 1}, got {token_ids[outside][0]}"
        raise InputError(message)


def _mean_over_tokens(hidden: FloatArray, mask: NDArray[np.bool_]) -> FloatArray:
    mean = np.matmul(mask[:, None, :].astype(np.float32), hidden)[:, 0]
    mean /= mask.sum(axis=1).clip(min=1)[:, None]
    return mean


def _row_blocks(values: FloatArray) -> Iterator[FloatArray]:
    rows = max(1, BLOCK_FLOATS // values.shape[1])
    return (values[start : start + rows] for start in range(0, len(values), rows))


def _apply(
    activation: Activation, x: FloatArray, work: tuple[FloatArray, FloatArray, FloatArray]
) -> None:
    """The activation in place; `work` holds three arrays of the shape of x."""
    match activation:
        case "relu":
            np.maximum(x, 0, out=x)
        case "gelu":
            gelu(x, *work)
        case "gelu_tanh":
            gelu_tanh(x, work[0])


def gelu(x: FloatArray, square: FloatArray, numerator: FloatArray, denominator: FloatArray) -> None:
    """Multiply x by Phi(x) as approximated above, in place; the others are work space."""
    clamped = np.clip(x, -PHI_LIMIT, PHI_LIMIT, out=denominator)
    np.multiply(clamped, clamped, out=square)
    _polynomial(square, PHI_P, numerator)
    numerator *= clamped
    _polynomial(square, PHI_Q, denominator)
    numerator /= denominator
    numerator += np.float32(0.5)
    x *= numerator


def gelu_tanh(x: FloatArray, inner: FloatArray) -> None:
    """Multiply x by (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))) / 2, in place."""
    np.multiply(x, x, out=inner)
    inner *= np.float32(TANH_GELU_SCALE * TANH_GELU_CUBIC)
    inner += np.float32(TANH_GELU_SCALE)
    inner *= x
    np.tanh(inner, out=inner)
    inner += np.float32(1)
    inner *= np.float32(0.5)
    x *= inner


def _polynomial(at: FloatArray, coefficients: tuple[float, ...], out: FloatArray) -> None:
    """Horner's rule; coefficients from the constant up."""
    np.multiply(at, np.float32(coefficients[-1]), out=out)
    for coefficient in coefficients[-2:0:-1]:
        out += np.float32(coefficient)
        out *= at
    out += np.float32(coefficients[0])
