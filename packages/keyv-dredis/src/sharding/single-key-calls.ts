import type { StoredValue } from '../format/values.js';
import type { Commands, Entry } from '../node/commands.js';
import { NOT_TEXT } from '../node/key-commands.js';
import type { Node } from '../node/node.js';
import { isWrongType } from '../node/replies.js';
import type { CallerCommand } from '../node/send-options.js';
import { nextTurn, SupersededError } from '../node/superseded.js';
import { isLong } from '../node/value-limit.js';
import { type CallKind, DELETE, GET, HAS, SET } from './call-kinds.js';
import { logged } from './missed-writes.js';
import type { MovingCalls, MovingRequest } from './moving-calls.js';
import { optionsFor, type Snapshot } from './topology.js';

/** What a call tells about itself. */
export interface CallListener {
  /** The call has ended. */
  ended(): void;
  /** The call's command did not count, because the topology has changed, or because it has to be sent in another way. */
  superseded(call: SingleKeyCall, node: Node, error: SupersededError): void;
}

/**
 * A call for one key. Also its own command, if it does not share one. A class, because objects with functions of their
 * own would cost several times as much memory per call.
 */
export abstract class SingleKeyCall<Result = unknown> implements CallerCommand<unknown> {
  /** Physical key. */
  readonly key: string;
  declare protected listener: CallListener;
  declare private resolveOutcome: (result: never) => void;
  declare private rejectOutcome: (error: unknown) => void;
  declare protected node: Node;
  declare protected snapshot: Snapshot;

  constructor(key: string) {
    this.key = key;
  }

  abstract readonly kind: CallKind;

  get callCount(): number {
    return 1;
  }

  /** The call of the store that this call is a part of. */
  get whole(): object {
    return this;
  }

  /** Length of the key and the value, in UTF-16 code units or bytes. */
  get length(): number {
    return this.key.length;
  }

  /** Whether the call cannot share a command. */
  get isApart(): boolean {
    return false;
  }

  /** Begins the call. @returns its outcome */
  begin(listener: CallListener): Promise<Result> {
    this.listener = listener;
    return new Promise((resolve, reject) => {
      this.resolveOutcome = resolve;
      this.rejectOutcome = reject;
    });
  }

  /** Sends the call's own command. */
  sendTo(node: Node, snapshot: Snapshot): void {
    this.node = node;
    this.snapshot = snapshot;
    node.send(this, optionsFor(this.kind, snapshot));
  }

  /** Sends the call's own command, and before a write what nodes that are away need. */
  request(commands: Commands): Promise<unknown> {
    const { snapshot } = this;
    if (snapshot.missing === undefined || !this.kind.isWrite) return this.command(commands);
    return logged(commands, [this.key], snapshot, () => this.command(commands));
  }

  abstract resolve(reply: unknown, commands: Commands, expiresAt: number): void;

  reject(error: unknown): void {
    if (error instanceof SupersededError) this.listener.superseded(this, this.node, error);
    else this.fail(error);
  }

  /** Ends the call. */
  succeed(result: Result): void {
    this.listener.ended();
    this.resolveOutcome(result as never);
  }

  /** Ends the call. */
  fail(error: unknown): void {
    this.listener.ended();
    this.rejectOutcome(error);
  }

  protected abstract command(commands: Commands): Promise<unknown>;
}

export class GetCall extends SingleKeyCall<StoredValue | undefined> {
  /** Another call for the same key. It ends with this one. */
  same: GetCall | undefined;

  get kind(): CallKind {
    return GET;
  }

  resolve(reply: unknown, commands: Commands, expiresAt: number): void {
    const value = commands.valueIn(reply);
    if (value !== NOT_TEXT) this.succeed(value);
    // Reads it as bytes, within the same time limit.
    else this.listener.superseded(this, this.node, new SupersededError(nextTurn(), expiresAt));
  }

  override reject(error: unknown): void {
    if (isWrongType(error)) this.succeed(undefined);
    else super.reject(error);
  }

  override succeed(value: StoredValue | undefined): void {
    this.found(value);
    for (let call = this.same; call !== undefined; call = call.same) {
      // Each caller gets bytes of its own, which it may change.
      call.found(Buffer.isBuffer(value) ? Buffer.from(value) : value);
    }
  }

  override fail(error: unknown): void {
    for (let call: GetCall | undefined = this; call !== undefined; call = call.same) call.failed(error);
  }

  /** Ends this call alone. */
  protected found(value: StoredValue | undefined): void {
    super.succeed(value);
  }

  /** Ends this call alone. */
  protected failed(error: unknown): void {
    super.fail(error);
  }

  protected command(commands: Commands): Promise<unknown> {
    return commands.sendGet(this.key);
  }
}

/** A call that is not a read of a value. */
export abstract class BooleanCall extends SingleKeyCall<boolean> {
  resolve(reply: unknown, commands: Commands): void {
    this.succeed(this.resultOf(reply, commands));
  }

  /** Runs the call's own command without ending the call. @returns the result */
  attempt(node: Node, snapshot: Snapshot): Promise<boolean> {
    this.snapshot = snapshot;
    return node.run(
      async (commands) => this.resultOf(await this.request(commands), commands),
      optionsFor(this.kind, snapshot),
    );
  }

  /** Whether a reply that does not count tells that the key was removed. @param reply a reply or a result */
  hasRemoved(_reply: unknown): boolean {
    return false;
  }

  /**
   * The same call while the key's entry moves.
   *
   * @param removed gets 0 if the call fails or starts over, but has removed the key
   */
  abstract whileMoving(
    moving: MovingCalls,
    request: MovingRequest,
    snapshot: Snapshot,
    removed: Set<number>,
  ): Promise<boolean>;
  /** @throws MalformedReplyError */
  protected abstract resultOf(reply: unknown, commands: Commands): boolean;
}

export class HasCall extends BooleanCall {
  get kind(): CallKind {
    return HAS;
  }

  async whileMoving(moving: MovingCalls, request: MovingRequest, snapshot: Snapshot): Promise<boolean> {
    return (await moving.has(request, snapshot))[0] as boolean;
  }

  protected command(commands: Commands): Promise<unknown> {
    return commands.sendExists(this.key);
  }

  protected resultOf(reply: unknown, commands: Commands): boolean {
    return commands.existsIn(reply);
  }
}

export class SetCall extends BooleanCall implements Entry {
  readonly value: StoredValue;
  readonly expiresAt: number | undefined;

  constructor(key: string, value: StoredValue, expiresAt: number | undefined) {
    super(key);
    this.value = value;
    this.expiresAt = expiresAt;
  }

  get kind(): CallKind {
    return SET;
  }

  override get length(): number {
    return this.key.length + this.value.length;
  }

  override get isApart(): boolean {
    return isLong(this.value);
  }

  whileMoving(moving: MovingCalls, request: MovingRequest, snapshot: Snapshot): Promise<boolean> {
    const set = (commands: Commands) => commands.set(this.key, this.value, this.expiresAt);
    return moving.set(request, snapshot, async () => {
      await request.node.run(set, snapshot.writes);
      return true;
    });
  }

  protected command(commands: Commands): Promise<unknown> {
    const { key, value, expiresAt } = this;
    return this.isApart ? commands.set(key, value, expiresAt) : commands.sendSet(key, value, expiresAt);
  }

  protected resultOf(reply: unknown, commands: Commands): boolean {
    if (!this.isApart) commands.checkSet(reply, this.key, this.value, this.expiresAt);
    return true;
  }
}

export class DeleteCall extends BooleanCall {
  get kind(): CallKind {
    return DELETE;
  }

  override hasRemoved(reply: unknown): boolean {
    return reply === true || (typeof reply === 'number' && reply > 0);
  }

  async whileMoving(...[moving, ...args]: Parameters<BooleanCall['whileMoving']>): Promise<boolean> {
    return (await moving.delete(...args))[0] as boolean;
  }

  protected command(commands: Commands): Promise<unknown> {
    return commands.sendUnlink(this.key);
  }

  protected resultOf(reply: unknown, commands: Commands): boolean {
    return commands.removedIn(reply, this.key);
  }
}
