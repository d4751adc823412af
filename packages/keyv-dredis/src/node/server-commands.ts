import { RESP_TYPES } from 'redis';
import { isWithoutReplica, type RedisClient } from '../connection/redis-client.js';
import { PROBE_KEY } from '../format/reserved-keys.js';
import { ClosingCommands } from './closing-commands.js';
import { asWritable } from './command-length.js';
import { asCount, asText, asTexts, asValues, MalformedReplyError } from './reply-shapes.js';
import { ValueLimit } from './value-limit.js';

/** A page of SCAN. */
export interface ScanPage {
  /** Cursor of the next page; `'0'` after the last one. */
  readonly cursor: string;
  readonly keys: readonly string[];
}

/** A value that was read with tracking. */
export interface TrackedText {
  readonly text: string | undefined;
  /** Why the server does not track the key; undefined if it does. */
  readonly refusal: unknown;
}

/** A page of SSCAN. */
export interface MembersPage {
  /** Cursor of the next page; `'0'` after the last one. */
  readonly cursor: string;
  readonly members: readonly string[];
}

/** Cursor of SCAN and SSCAN before the first page and after the last one. */
export const SCAN_START = '0';

/** How the strings of a reply are returned. */
export interface ReplyTypes {
  readonly timeout: number;
  readonly typeMapping: Readonly<Record<number, unknown>>;
}

/** A command, or the arguments of one. */
export type Arguments = readonly (string | Buffer)[];
/** Sends a command. @param isReadonly whether a replica may answer it */
export type Send = (args: Arguments, options: ReplyTypes, isReadonly: boolean) => Promise<unknown>;

// timeout: 0 turns off node-redis' own timeout. That timeout costs an AbortSignal per command, and does not
// include the wait for the reply, because it ends when the command is written to the socket. The typeMapping
// overrides the mapping in the client's options, because that mapping could return keys as Buffers, and
// numbers as text.
export const AS_TEXT: ReplyTypes = { timeout: 0, typeMapping: {} };
export const AS_BYTES: ReplyTypes = { timeout: 0, typeMapping: { [RESP_TYPES.BLOB_STRING]: Buffer } };

/**
 * The commands that keep a node usable, and that list its keys. They use `sendCommand`, because the
 * client's methods build a parser and two more promises per command. Each checks the shape of its reply, and
 * rejects with MalformedReplyError if it is wrong.
 *
 * A sentinel client may send a command that is marked as read-only to a replica. Only a caller's reads of values
 * are marked. All other commands are about the primary, or depend on what the primary replied before.
 */
export class ServerCommands {
  /** The server's `run_id` at the last recovery; undefined if the server does not tell it. */
  runId: string | undefined;
  protected readonly limit: ValueLimit;
  /** Sends a command although others wait for {@link ValueLimit.asking}. */
  protected readonly sendNow: Send;
  readonly #closing = new ClosingCommands();

  constructor(client: RedisClient) {
    this.sendNow =
      'setTracer' in client || 'getSentinelNode' in client
        ? throughSentinel(client)
        : (args, options) => client.sendCommand(asWritable(args) as never, options as never);
    this.limit = new ValueLimit((args) => this.sendNow(args, AS_TEXT, false));
  }

  /** See {@link ClosingCommands.tryAgain}. */
  tryAgain(): void {
    this.#closing.tryAgain();
  }

  /** A page of SCAN. @param seen cursors of earlier pages: one that comes again would make an endless loop */
  async scan(cursor: string, pattern: string, count: number, seen: ReadonlySet<string>): Promise<ScanPage> {
    const args = ['SCAN', cursor, 'MATCH', pattern, 'COUNT', String(count)];
    const [next, keys] = asPage('SCAN', await this.send(args, AS_TEXT, false), seen);
    return { cursor: next, keys };
  }

  /** Checks whether the server answers. */
  ping(): Promise<unknown> {
    return this.send(['PING'], AS_TEXT, false);
  }

  /** Checks whether the server accepts writes. A server that is read-only or out of memory still answers PING. */
  probeWrites(): Promise<unknown> {
    return this.send(['SET', PROBE_KEY, '', 'PX', '1'], AS_TEXT, false);
  }

  /** Checks whether the server accepts reads. */
  probeReads(): Promise<unknown> {
    return this.send(['GET', PROBE_KEY], AS_TEXT, false);
  }

  /** The value of a key that holds text. */
  async getText(key: string): Promise<string | undefined> {
    return asText('GET', await this.own('GET', ['GET', key]));
  }

  /**
   * Reads a key that holds text, and tracks the key: when it changes, the connection tells it before the reply to
   * any later command.
   *
   * @returns the text, and why the server does not track the key; undefined if it does
   */
  async trackedText(key: string): Promise<TrackedText> {
    const [tracking, read] = await Promise.allSettled([
      this.own('CLIENT TRACKING', ['CLIENT', 'TRACKING', 'ON', 'OPTIN']),
      this.#closing.send('GET', async () => {
        // One after the other, without other commands in between: CLIENT CACHING is about the next command.
        const [caching, text] = await Promise.allSettled([
          this.sendNow(['CLIENT', 'CACHING', 'YES'], AS_TEXT, false),
          this.sendNow(['GET', key], AS_TEXT, false),
        ]);
        if (text.status === 'rejected') throw text.reason;
        return { caching, text: asText('GET', text.value) };
      }),
    ]);
    if (read.status === 'rejected') throw read.reason;
    const { caching, text } = read.value;
    const refusal = [tracking, caching].find((reply) => reply.status === 'rejected');
    return { text, refusal: refusal?.reason };
  }

  /** The connection is not told of changes any more. CLIENT LIST shows that. */
  async stopTracking(): Promise<void> {
    await this.own('CLIENT TRACKING', ['CLIENT', 'TRACKING', 'OFF']);
  }

  /** Stores text under one of the store's own keys. */
  setText(key: string, text: string): Promise<unknown> {
    return this.send(['SET', key, text], AS_TEXT, false);
  }

  /** A page of a set's members. @param seen cursors of earlier pages */
  async members(set: string, cursor: string, count: number, seen: ReadonlySet<string>): Promise<MembersPage> {
    const args = ['SSCAN', set, cursor, 'COUNT', String(count)];
    const [next, members] = asPage('SSCAN', await this.own('SSCAN', args), seen);
    return { cursor: next, members };
  }

  addMembers(set: string, members: readonly string[]): Promise<unknown> {
    return this.own('SADD', ['SADD', set, ...members]);
  }

  removeMembers(set: string, members: readonly string[]): Promise<unknown> {
    return this.own('SREM', ['SREM', set, ...members]);
  }

  /** Lines of `name:value`. @param sections names of sections. Default: the server's default sections */
  async info(...sections: string[]): Promise<string> {
    return asText('INFO', await this.own('INFO', ['INFO', ...sections])) ?? '';
  }

  /** The server's id of this connection, unique until the server restarts. */
  async connectionId(): Promise<number> {
    return asCount('CLIENT ID', await this.own('CLIENT ID', ['CLIENT', 'ID']));
  }

  /** Sets the name of this connection in CLIENT LIST. */
  async setConnectionName(name: string): Promise<string | undefined> {
    return asText('CLIENT SETNAME', await this.send(['CLIENT', 'SETNAME', name], AS_TEXT, false));
  }

  /** This connection's line of CLIENT LIST. */
  async clientInfo(): Promise<string> {
    return asText('CLIENT INFO', await this.send(['CLIENT', 'INFO'], AS_TEXT, false)) ?? '';
  }

  /** All connections of clients, one per line. */
  async clientList(): Promise<string> {
    return asText('CLIENT LIST', await this.send(['CLIENT', 'LIST', 'TYPE', 'NORMAL'], AS_TEXT, false)) ?? '';
  }

  /**
   * Runs a script.
   *
   * @param options reply types: {@link AS_TEXT} or {@link AS_BYTES}
   */
  eval(script: string, keys: readonly string[], args: Arguments, options = AS_TEXT): Promise<unknown> {
    return this.send(['EVAL', script, String(keys.length), ...keys, ...args], options, false);
  }

  /** Runs commands in order. Other clients may run commands in between. @returns their replies */
  pipeline(commands: readonly Arguments[], options = AS_TEXT): Promise<readonly unknown[]> {
    return Promise.all(commands.map((args) => this.send(args, options, false)));
  }

  /** Closes another connection, so that the server stops executing commands that were sent on it. */
  killConnection(id: number): Promise<unknown> {
    return this.own('CLIENT KILL', ['CLIENT', 'KILL', 'ID', String(id)]);
  }

  protected readonly send: Send = (args, options, isReadonly) => {
    const { asking } = this.limit;
    if (asking === undefined) return this.sendNow(args, options, isReadonly);
    return asking.then(() => this.sendNow(args, options, isReadonly));
  };

  /** Sends a command that only the store itself needs, and that it can do without. */
  protected own(name: string, args: Arguments): Promise<unknown> {
    return this.#closing.send(name, () => this.send(args, AS_TEXT, false));
  }
}

/** A sentinel client takes an extra argument, because it may send reads to replicas. */
function throughSentinel(client: RedisClient): Send {
  return async (args, options, isReadonly) => {
    const send = (mayUseReplica: boolean) =>
      client.sendCommand(mayUseReplica as never, asWritable(args) as never, options as never);
    try {
      return await send(isReadonly);
    } catch (error) {
      if (!isReadonly || !isWithoutReplica(error)) throw error;
      // All replicas are gone. The primary can answer, too.
      return send(false);
    }
  };
}

/** A page of SCAN or SSCAN. */
function asPage(
  command: string,
  reply: unknown,
  seen: ReadonlySet<string>,
): [cursor: string, items: readonly string[]] {
  const [next, items] = asValues(command, reply, 2);
  if (typeof next !== 'string' || next === '') {
    throw new MalformedReplyError(command, 'a cursor and a list', next);
  }
  if (seen.has(next)) throw new MalformedReplyError(command, 'a new cursor', next);
  return [next, asTexts(command, items)];
}
