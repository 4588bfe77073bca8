const SUB_BUCKETS = 32;
const OCTAVES = 27;

/**
 * Counts durations in buckets whose width grows with the value (32 to an octave: at most 3 % wide), from 1 µs to a little
 * over two minutes. Its size is fixed, however many values it takes.
 */
export class Histogram {
  readonly #buckets = new Uint32Array(SUB_BUCKETS * (OCTAVES + 1));
  count = 0;

  /** @param micros whole or broken microseconds; what is longer than the last bucket is counted there. */
  add(micros: number): void {
    this.#buckets[bucketOf(micros)]++;
    this.count++;
  }

  clear(): void {
    this.#buckets.fill(0);
    this.count = 0;
  }

  /** The upper edge, in microseconds, of the bucket under which `share` (0…1) of the values lie; 0 when empty. */
  percentile(share: number): number {
    let left = Math.ceil(this.count * share);
    for (let bucket = 0; bucket < this.#buckets.length; bucket++) {
      left -= this.#buckets[bucket];
      if (left <= 0 && this.count > 0) return upperEdge(bucket);
    }
    return 0;
  }
}

/** Values under 32 have a bucket each; above, the five bits after the leading one choose the bucket of the octave. */
function bucketOf(micros: number): number {
  const value = Math.max(0, Math.min(micros, 2 ** OCTAVES - 1)) | 0;
  if (value < SUB_BUCKETS) return value;
  const shift = 26 - Math.clz32(value);
  return (shift + 1) * SUB_BUCKETS + (value >>> shift) - SUB_BUCKETS;
}

function upperEdge(bucket: number): number {
  if (bucket < SUB_BUCKETS) return bucket + 1;
  const shift = Math.floor(bucket / SUB_BUCKETS) - 1;
  return ((bucket % SUB_BUCKETS) + SUB_BUCKETS + 1) * 2 ** shift;
}
