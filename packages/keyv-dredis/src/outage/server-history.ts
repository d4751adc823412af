import type { PurgeReason } from '../errors/reporter.js';
import { infoFields } from '../node/info-fields.js';

/** What INFO says about a server. */
export interface ServerInfo {
  /** Changes when the server restarts. Undefined if the server does not tell it. */
  readonly runId: string | undefined;
  readonly isReplica: boolean;
  readonly replicaCount: number;
  readonly usesAppendOnlyFile: boolean;
  /** The replication history that this server continues. It changes when a replica is promoted. */
  readonly historyId: string | undefined;
  /** Position in the history, in bytes. */
  readonly offset: number;
  /** The history that the server continued before it became a primary. */
  readonly previousHistoryId: string | undefined;
  /** Position in the previous history from which on this server may differ from the previous primary. */
  readonly takeoverOffset: number;
  /**
   * Whether the server received its data from a primary since it started. Undefined before Redis 7. A primary
   * that restarts from a snapshot since Redis 7 also names a previous history, but received nothing.
   */
  readonly wasReplica: boolean | undefined;
}

/** Parses a reply to INFO. Fields of sections that are missing from the reply are undefined, false or 0. */
export function parseInfo(info: string): ServerInfo {
  const fields = infoFields(info);
  const received = fields.get('total_net_repl_input_bytes');
  return {
    runId: fields.get('run_id'),
    isReplica: fields.get('role') === 'slave' || fields.get('role') === 'replica',
    replicaCount: Number(fields.get('connected_slaves') ?? 0),
    usesAppendOnlyFile: fields.get('aof_enabled') === '1',
    historyId: fields.get('master_replid'),
    offset: Number(fields.get('master_repl_offset') ?? 0),
    previousHistoryId: fields.get('master_replid2'),
    takeoverOffset: Number(fields.get('second_repl_offset') ?? -1),
    wasReplica: received === undefined ? undefined : received !== '0',
  };
}

/** What a process knows about the server that it used before. */
export interface KnownServer {
  readonly runId: string;
  readonly historyId: string | undefined;
  /** Last known position in the history; undefined if it is not known. */
  readonly offset?: number | undefined;
}

/** What all processes know: it is stored on the server itself, and a snapshot or a replica has it too. */
export interface Mark extends KnownServer {
  /** Whether the keys of the run before were kept because the replication history is continuous. */
  readonly isContinued: boolean;
  /** The run before, whose stale entries were removed from this server; undefined if there was none. */
  readonly replacedRunId?: string | undefined;
}

const CONTINUED = 'continued';
const NONE = '-';

export function formatMark({ runId, historyId, isContinued, replacedRunId }: Mark): string {
  return [runId, historyId ?? NONE, replacedRunId ?? NONE, ...(isContinued ? [CONTINUED] : [])].join(' ');
}

export function parseMark(text: string | undefined): Mark | undefined {
  const [runId, historyId = NONE, replacedRunId = NONE, flag] = (text ?? '').split(' ');
  if (!runId) return undefined;
  return {
    runId,
    historyId: historyId === NONE ? undefined : historyId,
    replacedRunId: replacedRunId === NONE ? undefined : replacedRunId,
    isContinued: flag === CONTINUED,
  };
}

/**
 * Compares a primary with what is known of the node's primary before.
 *
 * @param mark what the server says about the run of its last recovery
 * @param known what this process knows
 * @returns `'same'`: nothing changed, or another process has removed the stale entries; `'continued'`: a replica
 * was promoted that continues the known history; otherwise, why the entries may be stale
 */
export function compareHistory(
  server: ServerInfo,
  mark: Mark | undefined,
  known: KnownServer | undefined,
): 'same' | 'continued' | PurgeReason {
  const isMarked = mark?.runId === server.runId;
  const isChanged = known !== undefined && known.runId !== server.runId;
  const before: KnownServer[] = [];
  if (mark !== undefined && !isMarked) before.push(mark);
  // Another process has removed the stale entries only if it replaced the same run. If it kept the entries, this
  // process may know of a later write.
  const isDone = isMarked && mark?.replacedRunId === known?.runId && mark?.isContinued === false;
  if (isChanged && !isDone) before.push(known);
  if (before.length === 0) return 'same';
  for (const { historyId, offset = -1 } of before) {
    const { previousHistoryId, takeoverOffset, wasReplica } = server;
    const isContinued = historyId !== undefined && historyId === previousHistoryId && wasReplica !== false;
    // A run that is marked has not restarted. Another server was used in between.
    if (!isContinued) return wasReplica || isMarked ? 'unknown-history' : 'restarted';
    if (offset >= takeoverOffset) return 'replica-behind';
  }
  return 'continued';
}
