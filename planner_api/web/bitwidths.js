// The scale of bitwidths: which of the six steps of colour a bitwidth has.

const STEPS = 6;

/**
 * The step of colour, 0..5, of every bitwidth of a model.
 * @param {number[]} bitwidths rising
 * @returns {Map<number, number>}
 */
export function colourSteps(bitwidths) {
  const last = Math.max(1, bitwidths.length - 1);
  return new Map(bitwidths.map((bits, rank) => [bits, Math.round((rank * (STEPS - 1)) / last)]));
}

/** The key of a shard. */
export const shardKey = (layer, slice) => `${layer}.${slice}`;

/**
 * The shards of a plan by key.
 * @returns {Map<string, {slice: number, bits: number, bytes: number, preload: boolean}>}
 */
export function shardsOf(plan) {
  const shards = new Map();
  for (const { layer, shards: row } of plan?.layers ?? []) {
    for (const shard of row) shards.set(shardKey(layer, shard.slice), shard);
  }
  return shards;
}
