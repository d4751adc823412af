import type { StoredValue } from '../format/values.js';
import { SupersededError } from '../node/superseded.js';
import { isMoving, type MovingCalls } from './moving-calls.js';
import type { NodeRequest, Placement } from './placement.js';
import type { Batch } from './read-batcher.js';
import type { StartOver } from './start-over.js';
import type { Snapshot } from './topology.js';

type Value = StoredValue | undefined;

/** Reads batches of keys with one MGET per node. */
export class BatchReader {
  readonly #placement: Placement;
  readonly #moving: MovingCalls;
  readonly #startOver: StartOver;

  constructor(placement: Placement, moving: MovingCalls, startOver: StartOver) {
    this.#placement = placement;
    this.#moving = moving;
    this.#startOver = startOver;
  }

  /** Resolves or rejects every key of a batch. Never throws. */
  readonly read = (batch: Batch<Value>): void => {
    const { snapshot } = this.#placement;
    for (const request of this.#placement.requestsFor(batch.keys, 0, snapshot)) {
      const { node, keys, positions } = request;
      const resolve = (values: readonly Value[]) => {
        for (let index = 0; index < values.length; index += 1) {
          batch.resolve(positions[index] as number, values[index]);
        }
      };
      const reject = (error: unknown) => {
        for (const position of positions) batch.reject(position, error);
      };
      if (isMoving(request) || this.#startOver.isNeededForAny(node, snapshot, keys, false)) {
        this.#readAgain(request, batch).then(resolve, reject);
        continue;
      }
      node.send(
        (commands) => commands.mGet(keys),
        resolve,
        (error) => {
          if (error instanceof SupersededError) this.#readAgain(request, batch, error).then(resolve, reject);
          else reject(error);
        },
        snapshot.reads,
      );
    }
  };

  /** Reads the keys of a request under the current topology. */
  #readAgain(
    { node, positions }: NodeRequest,
    batch: Batch<Value>,
    superseded?: SupersededError,
  ): Promise<readonly Value[]> {
    const keys = positions.map((position) => batch.keys[position] as string);
    const call = { node, keys, isWrite: false };
    return this.#startOver.run(call, (snapshot) => this.readAll(keys, snapshot), superseded);
  }

  /** Reads keys under one topology. @throws SupersededError if it changes */
  async readAll(keys: readonly string[], snapshot: Snapshot): Promise<readonly Value[]> {
    const values = new Array<Value>(keys.length);
    const requests = this.#placement.requestsFor(keys, 0, snapshot);
    await Promise.all(
      requests.map(async (request) => {
        const read = await this.#moving.read(request, snapshot);
        request.positions.forEach((position, index) => {
          values[position] = read[index];
        });
      }),
    );
    return values;
  }
}
