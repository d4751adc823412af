import type { StoredValue } from '../format/values.js';
import type { Commands } from '../node/commands.js';
import type { MovingCalls, MovingRequest } from './moving-calls.js';
import type { Snapshot } from './topology.js';

/** A call for one key. */
export interface SingleKeyCall<Reply> {
  readonly key: string;
  readonly isWrite: boolean;
  request(commands: Commands): Promise<Reply>;
  resultOf(reply: Reply): boolean;
  /** The same call while the key's entry moves. */
  whileMoving(
    moving: MovingCalls,
    request: MovingRequest,
    snapshot: Snapshot,
    removed: Set<number>,
  ): Promise<boolean>;
}

/*
 * The calls are classes, because objects with functions of their own would cost several times as much memory per call.
 */

export class HasCall implements SingleKeyCall<boolean> {
  readonly isWrite = false;
  readonly key: string;

  constructor(key: string) {
    this.key = key;
  }

  request(commands: Commands): Promise<boolean> {
    return commands.exists(this.key);
  }

  resultOf(exists: boolean): boolean {
    return exists;
  }

  async whileMoving(moving: MovingCalls, request: MovingRequest, snapshot: Snapshot): Promise<boolean> {
    return (await moving.has(request, snapshot))[0] as boolean;
  }
}

export class SetCall implements SingleKeyCall<void> {
  readonly isWrite = true;
  readonly key: string;
  readonly #value: StoredValue;
  readonly #expiresAt: number | undefined;

  constructor(key: string, value: StoredValue, expiresAt: number | undefined) {
    this.key = key;
    this.#value = value;
    this.#expiresAt = expiresAt;
  }

  request(commands: Commands): Promise<void> {
    return commands.set(this.key, this.#value, this.#expiresAt);
  }

  resultOf(): boolean {
    return true;
  }

  whileMoving(moving: MovingCalls, request: MovingRequest, snapshot: Snapshot): Promise<boolean> {
    return moving.set(request, snapshot, async () => {
      await request.node.run((commands) => this.request(commands), snapshot.writes);
      return true;
    });
  }
}

export class DeleteCall implements SingleKeyCall<number> {
  readonly isWrite = true;
  readonly key: string;

  constructor(key: string) {
    this.key = key;
  }

  request(commands: Commands): Promise<number> {
    return commands.unlink([this.key]);
  }

  resultOf(count: number): boolean {
    return count > 0;
  }

  async whileMoving(
    ...[moving, ...args]: Parameters<SingleKeyCall<number>['whileMoving']>
  ): Promise<boolean> {
    return (await moving.delete(...args))[0] as boolean;
  }
}
