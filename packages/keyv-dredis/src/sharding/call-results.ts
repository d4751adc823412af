import type { DRedisError } from '../errors/errors.js';
import type { MultiResult } from '../errors/multi-result.js';
import type { Node } from '../node/node.js';
import { SupersededError } from '../node/superseded.js';
import type { NodeRequest } from './placement.js';

/** One node's reply: a value per key, and an error if some keys failed. */
export interface NodeReply<T> {
  readonly values: readonly T[];
  readonly error?: DRedisError | undefined;
  /** Keys whose replies do not count, because the topology has changed. */
  readonly superseded?: SupersededKeys | undefined;
}

/** Keys of a request that have to be sent again. */
export interface SupersededKeys {
  /** Indexes of the keys in the request. */
  readonly indexes: readonly number[];
  readonly error: SupersededError;
}

/** A part of a request that has to be sent again, or later. */
export interface SupersededRequest {
  readonly request: NodeRequest;
  /** Undefined if the request was not sent. */
  readonly error: SupersededError | undefined;
}

/** Sends a call's requests and collects their results. */
export class CallResults<T> {
  readonly #values: T[];
  readonly #errors = new Map<Node, DRedisError>();

  constructor(count: number, missing: T) {
    this.#values = new Array<T>(count).fill(missing);
  }

  get all(): MultiResult<T> {
    return { values: this.#values, errors: [...this.#errors.values()] };
  }

  /**
   * Never rejects.
   *
   * @param send sends a request, or says that {@link sendLater} has to do it
   * @param sendLater sends keys again because the topology has changed, or after other calls. It collects the results
   * itself, and rejects if that fails.
   */
  async collect(
    requests: readonly NodeRequest[],
    send: (request: NodeRequest) => Promise<NodeReply<T>> | 'later',
    sendLater: (superseded: SupersededRequest) => Promise<void>,
  ): Promise<void> {
    await Promise.all(
      requests.map(async (request) => {
        try {
          const sent = send(request);
          const superseded =
            sent === 'later' ? { request, error: undefined } : await this.collectOne(request, () => sent);
          if (superseded !== undefined) await sendLater(superseded);
        } catch (error) {
          this.#failed(request.node, error as DRedisError);
        }
      }),
    );
  }

  /** Sends one request. @returns the part whose replies do not count */
  async collectOne(
    request: NodeRequest,
    send: (request: NodeRequest) => Promise<NodeReply<T>>,
  ): Promise<SupersededRequest | undefined> {
    try {
      const { values, error, superseded } = await send(request);
      const skipped = superseded && new Set(superseded.indexes);
      request.positions.forEach((position, index) => {
        if (!skipped?.has(index)) this.#values[position] = values[index] as T;
      });
      if (error !== undefined) this.#failed(request.node, error);
      return superseded && { request: pick(request, superseded.indexes), error: superseded.error };
    } catch (error) {
      if (!(error instanceof SupersededError)) throw error;
      return { request, error };
    }
  }

  #failed(node: Node, error: DRedisError): void {
    if (!this.#errors.has(node)) this.#errors.set(node, error);
  }
}

/** The requests without the keys that have been sent. @param sent indexes of these keys in the call */
export function without(sent: ReadonlySet<number>, requests: readonly NodeRequest[]): readonly NodeRequest[] {
  if (sent.size === 0) return requests;
  return requests
    .map((request) => {
      const unsent = request.positions.flatMap((position, index) => (sent.has(position) ? [] : [index]));
      return pick(request, unsent);
    })
    .filter(({ keys }) => keys.length > 0);
}

/** Splits requests, so that some keys have requests of their own. Keeps the order of the keys. */
export function setApart(
  requests: readonly NodeRequest[],
  isApart: ((position: number) => boolean) | undefined,
): readonly NodeRequest[] {
  if (isApart === undefined || !requests.some(({ positions }) => positions.some(isApart))) return requests;
  return requests.flatMap((request) => {
    const groups: number[][] = [[]];
    request.positions.forEach((position, index) => {
      if (isApart(position)) groups.push([index], []);
      else groups.at(-1)?.push(index);
    });
    return groups.filter((group) => group.length > 0).map((group) => pick(request, group));
  });
}

function pick(request: NodeRequest, indexes: readonly number[]): NodeRequest {
  return {
    ...request,
    keys: indexes.map((index) => request.keys[index] as string),
    positions: indexes.map((index) => request.positions[index] as number),
  };
}
