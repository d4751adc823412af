import { PREFIX_LISTS_KEY, prefixListKey } from '../format/reserved-keys.js';
import type { Node } from '../node/node.js';
import { MAINTENANCE } from '../node/send-options.js';
import { chunksOf } from '../sharding/chunks.js';
import { registeredPrefixes } from '../sharding/registered-prefixes.js';
import type { Run } from '../sharding/scan.js';
import { allMembersOf } from '../sharding/set-members.js';
import type { OptionalCommands } from './optional-commands.js';

/** Name of the list if the server does not tell its `run_id`. */
const UNKNOWN_RUN = 'unknown';

/**
 * The lists of prefixes on one server. Each run of the server has a list of its own, and every process adds its
 * prefixes to the list of the current run before it uses the server. So the lists of earlier runs can be removed
 * once the keys from these runs are removed: no process adds to them any more.
 */
export class PrefixLists {
  readonly #run: Run;
  readonly #runId: string;
  readonly #commands: OptionalCommands;

  constructor(node: Node, runId: string | undefined, commands: OptionalCommands) {
    this.#commands = commands;
    this.#run = (request) => node.run(request, MAINTENANCE);
    this.#runId = runId ?? UNKNOWN_RUN;
  }

  /** Creates the list of the current run, with these prefixes. */
  async open(prefixes: Iterable<string>): Promise<void> {
    // Both are sent at once, and the server executes them in this order.
    await Promise.all([this.#add(PREFIX_LISTS_KEY, [this.#runId]), this.add([...prefixes])]);
  }

  /** Adds prefixes to the list of the current run. */
  async add(prefixes: readonly string[]): Promise<void> {
    for (const chunk of chunksOf(prefixes)) await this.#add(prefixListKey(this.#runId), chunk);
  }

  /** All prefixes in the lists of all runs. */
  all(): Promise<readonly string[]> {
    return registeredPrefixes((list) => this.#members(list));
  }

  /** Removes the lists of earlier runs. Their prefixes have no keys any more. */
  async dropEarlier(): Promise<void> {
    for (const chunk of chunksOf(await this.#earlierRuns())) {
      await this.#commands.optional(
        'UNLINK',
        this.#run((commands) => commands.unlink(chunk.map(prefixListKey))),
      );
      await this.#commands.optional(
        'SREM',
        this.#run((commands) => commands.removeMembers(PREFIX_LISTS_KEY, chunk)),
      );
    }
  }

  /** Moves the prefixes in the lists of earlier runs to the list of the current run. Their keys are kept. */
  async keepEarlier(): Promise<void> {
    for (const runId of await this.#earlierRuns()) await this.add(await this.#members(prefixListKey(runId)));
    await this.dropEarlier();
  }

  async #earlierRuns(): Promise<readonly string[]> {
    const runIds = await this.#members(PREFIX_LISTS_KEY);
    // A process that does not know the run_id cannot change to the list of the next run.
    return runIds.filter((runId) => runId !== this.#runId && runId !== UNKNOWN_RUN);
  }

  async #add(key: string, members: readonly string[]): Promise<void> {
    await this.#commands.optional(
      'SADD',
      this.#run((commands) => commands.addMembers(key, members)),
    );
  }

  async #members(key: string): Promise<readonly string[]> {
    return (await this.#commands.optional('SSCAN', allMembersOf(this.#run, key))) ?? [];
  }
}
