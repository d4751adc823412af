import { begin, endRead, endWrite, NONE, type Verb, writeOf } from '../judge.js';
import {
  ALL,
  bit,
  type ClientState,
  type ClientStep,
  type Command,
  type Config,
  freshToken,
  isLeaving,
  isMajority,
  NAMES,
  NO_TOKEN,
  type Part,
  type Phase,
  phaseOf,
  raise,
  SERVERS,
  type Server,
  type State,
  use,
  Y,
  Z,
} from './state.js';

/** A step of a client: changes a state, and returns the name of the step. */
export type ClientMove = (state: State) => string;

/**
 * The possible next steps of a client. A command is sent in one step and executed in a later one, so a process that
 * pauses anywhere is covered, and a server that is frozen or cut off.
 */
export function clientMoves(config: Config, state: State, id: number): readonly ClientMove[] {
  const client = state.clients[id] as ClientState;
  const verb = config.clients[id]?.[client.index];
  if (verb === undefined) return [];
  const phase = phaseOf(state, client.epoch);
  const at = serverOf(client.step, phase);
  const turn = (next: State) => new ClientTurn(config, next, id, verb);
  const opening =
    (server: Server): ClientMove =>
    (next) =>
      turn(next).open(server);
  if (client.raising !== NONE) return [opening(client.raisingAt)];
  if (client.step === 'idle') {
    const news = config.opensAnytime ? newerServers(state, client) : [];
    return [(next) => turn(next).begin(), ...news.map(opening)];
  }
  if (client.isInDoubt) return [opening(at)];
  if (client.isSent) {
    const executing: ClientMove = (next) => turn(next).execute(at);
    const canDisconnect = at === Y && client.late === undefined && state.left.disconnections > 0;
    return canDisconnect ? [executing, (next) => turn(next).disconnect()] : [executing];
  }
  const news = newerServers(state, client);
  if (client.step === 'wait') return news.map(opening);
  const unseen = unseenServers(config, state, client, at);
  if (unseen.length > 0) return [...new Set([...news, ...unseen])].map(opening);
  return [(next) => turn(next).send(at), ...news.map(opening)];
}

/** The servers that have announced a newer record. */
function newerServers({ servers }: State, { epoch }: ClientState): readonly Server[] {
  return SERVERS.filter((server) => servers[server].epoch > epoch);
}

/** The servers whose records have to be read before the command is sent. They are read in any order. */
function unseenServers(
  config: Config,
  { phases }: State,
  { epoch, known, grants, oldGrants }: ClientState,
  at: Server,
): readonly Server[] {
  const granted = grants | oldGrants;
  const phase = phases[epoch] as Phase;
  const hasLease = isMajority(granted, phase) || config.without?.includes('time lease');
  return SERVERS.filter(
    (server) => (server === at && (known & bit(at)) === 0) || (!hasLease && (granted & bit(server)) === 0),
  );
}

class ClientTurn {
  readonly #config: Config;
  readonly #state: State;
  readonly #id: number;
  readonly #verb: Verb;
  readonly #client: ClientState;

  constructor(config: Config, state: State, id: number, verb: Verb) {
    this.#config = config;
    this.#state = state;
    this.#id = id;
    this.#verb = verb;
    this.#client = state.clients[id] as ClientState;
  }

  #has(part: Part): boolean {
    return !this.#config.without?.includes(part);
  }

  begin(): string {
    begin(this.#config, this.#state, this.#id);
    startOver(this.#config, this.#state, this.#id);
    return `client ${this.#id}: begins ${this.#verb}`;
  }

  send(at: Server): string {
    this.#client.isSent = true;
    return `${this.#name(at)} is sent`;
  }

  #name(at: Server): string {
    const { epoch, step } = this.#client;
    return `client ${this.#id}, ${phaseOf(this.#state, epoch)} ${epoch}: ${step} at ${NAMES[at]}`;
  }

  /** Reads the record of a server, on a new connection if necessary. The older one of both records is brought up. */
  open(at: Server): string {
    const client = this.#client;
    if (at === Y && this.#has('drop own')) client.late = undefined;
    const server = this.#state.servers[at];
    if (server.isNew && client.raising === NONE) {
      client.raising = recordFor(this.#config, this.#state, at);
      client.raisingAt = at;
      this.#adopt(client.raising);
      return `client ${this.#id}: asks the others, because ${NAMES[at]} has come back`;
    }
    raise(this.#state, at, Math.max(client.epoch, client.raising));
    client.raising = NONE;
    this.#adopt(server.epoch);
    client.known |= bit(at);
    client.grants |= bit(at);
    client.oldGrants &= ~bit(at);
    if (client.isInDoubt) {
      client.isInDoubt = false;
      const { reply } = client;
      client.reply = NONE;
      this.#goOn(reply);
    }
    return `client ${this.#id}: opens ${NAMES[at]}, ${phaseOf(this.#state, client.epoch)} ${client.epoch}`;
  }

  #adopt(epoch: number): void {
    const client = this.#client;
    if (epoch <= client.epoch) return;
    client.epoch = epoch;
    client.known = 0;
    if (this.#has('witness')) client.grants = client.oldGrants = 0;
    if (client.step !== 'idle') startOver(this.#config, this.#state, this.#id);
  }

  /** The connection to Y is lost. Y may still execute the command at any later time. */
  disconnect(): string {
    const name = this.#name(Y);
    use(this.#state, 'disconnections');
    if (this.#client.step !== 'read') this.#client.late = this.#command;
    loseConnection(this.#config, this.#state, this.#id, Y);
    return `${name} gets no reply, and the call starts over`;
  }

  /** The server executes the command. A push that came before stands before the reply. */
  execute(at: Server): string {
    const client = this.#client;
    const name = this.#name(at);
    const hasLease = client.token === this.#state.servers[at].lease;
    const reply = execute(this.#state, at, this.#command);
    if (isInPipeline(client.step)) {
      client.step = 'write';
      return `${name} is executed`;
    }
    client.isSent = false;
    if (reply === 'refused') {
      client.known &= ~bit(at);
      startOver(this.#config, this.#state, this.#id);
      return `${name} is refused`;
    }
    if (client.step === 'lease' && reply === NONE) client.token = this.#state.servers[at].lease;
    if (client.step === 'store' && !hasLease) client.fetched = NONE;
    if ((client.known & bit(at)) === 0 && this.#has('fence')) {
      client.isInDoubt = true;
      client.reply = reply;
      return `${name} is executed after a push`;
    }
    this.#goOn(reply);
    return `${name} is executed`;
  }

  /** The present command. */
  get #command(): Command {
    const { step, epoch, token, fetched, index } = this.#client;
    if (step === 'store') return { step, epoch, token, value: fetched };
    const isWriting = this.#verb === 'set' && (step === 'write' || isInPipeline(step));
    const value = isWriting ? writeOf(this.#config, this.#id, index) : NONE;
    return { step, epoch, token: NO_TOKEN, value };
  }

  /** The next command, or the end of the operation. */
  #goOn(reply: number): void {
    const client = this.#client;
    switch (client.step) {
      case 'read':
        if (reply !== NONE || phaseOf(this.#state, client.epoch) !== 'moving') this.#end(reply);
        else client.step = 'lease';
        break;
      case 'lease':
        if (reply === NONE) client.step = 'fetch';
        else this.#end(reply);
        break;
      case 'fetch':
        client.fetched = reply;
        client.step = 'store';
        break;
      case 'store':
        client.token = NO_TOKEN;
        if (client.fetched === NONE) {
          this.#end(reply);
        } else {
          client.fetched = reply;
          client.step = 'drop';
        }
        break;
      case 'drop':
        this.#end(client.fetched);
        break;
      case 'unlink':
        client.step = 'unlease';
        break;
      case 'write':
        this.#end(NONE);
    }
  }

  #end(value: number): void {
    const client = this.#client;
    if (this.#verb === 'get') endRead(this.#config, this.#state, this.#id, value);
    else endWrite(this.#config, this.#state, this.#id);
    Object.assign(client, { step: 'idle', token: NO_TOKEN, fetched: NONE, mark: 0 });
    client.index += 1;
    // What a process knows after its last operation makes no difference.
    const isLast = client.index === this.#config.clients[this.#id]?.length;
    if (isLast) Object.assign(client, { epoch: 0, known: 0, grants: 0, oldGrants: 0 });
  }
}

/** Whether the write follows in the same pipeline. */
function isInPipeline(step: ClientStep): boolean {
  return step === 'log' || step === 'unlease';
}

/** What a command does at a server. @returns the value that is there then */
function execute(state: State, at: Server, { step, epoch, value, token }: Command): number | 'refused' {
  const server = state.servers[at];
  const isRefused = server.epoch !== epoch;
  switch (step) {
    case 'write':
      server.value = value;
      break;
    case 'log':
      if (!state.log.hasName) state.log = { ...state.log, hasName: true };
      break;
    case 'unlink':
      server.value = NONE;
      break;
    case 'unlease':
      server.lease = NO_TOKEN;
      break;
    case 'lease':
      if (isRefused) return 'refused';
      if (server.value === NONE && server.lease === NO_TOKEN) server.lease = freshToken(state);
      break;
    case 'store':
      if (isRefused) return 'refused';
      if (server.lease !== token) break;
      server.lease = NO_TOKEN;
      if (server.value === NONE) server.value = value;
      break;
    case 'drop':
      if (isRefused) return 'refused';
      server.value = NONE;
  }
  return server.value;
}

/** Y executes what a client has sent on a connection that is lost. */
export function executeLate(state: State, { late }: ClientState, id: number): void {
  if (late === undefined) return;
  execute(state, Y, late);
  const client = state.clients[id] as ClientState;
  client.late = isInPipeline(late.step) ? { ...late, step: 'write' } : undefined;
}

/** All connections to a server are ended, and it executes nothing that was sent on them. */
export function endConnections(config: Config, state: State, at: Server): void {
  state.clients.forEach((client, id) => {
    if (at === Y) client.late = undefined;
    loseConnection(config, state, id, at);
  });
}

/** Begins the operation under the present record. */
function startOver(config: Config, state: State, id: number): void {
  const client = state.clients[id] as ClientState;
  const phase = phaseOf(state, client.epoch);
  const isRead = config.clients[id]?.[client.index] === 'get';
  Object.assign(client, { isSent: false, isInDoubt: false, reply: NONE, token: NO_TOKEN, fetched: NONE });
  if (isLeaving(phase) || phase === 'returning') client.step = 'wait';
  else if (isRead) client.step = 'read';
  else if (phase === 'moving') client.step = 'unlink';
  else if (phase === 'away' && !config.without?.includes('log')) client.step = 'log';
  else client.step = 'write';
}

/** Where a client's command is executed. */
function serverOf(step: ClientStep, phase: Phase): Server {
  if (step === 'log' || step === 'unlink' || step === 'fetch' || step === 'drop') return Z;
  return phase === 'away' ? Z : Y;
}

/** The record that a server gets that has come back. */
export function recordFor(config: Config, { servers }: State, at: Server): number {
  const { without } = config;
  const others = SERVERS.filter((other) => other !== at);
  if (without?.includes('ask')) others.length = 0;
  if (without?.includes('ask all')) others.length = 1;
  return Math.max(0, ...others.map((other) => servers[other].epoch));
}

/** The process notices that its connection is lost. */
function loseConnection(config: Config, state: State, id: number, at: Server): void {
  const client = state.clients[id] as ClientState;
  client.known &= ALL & ~bit(at);
  if (client.raisingAt === at) client.raising = NONE;
  if (client.isSent && serverOf(client.step, phaseOf(state, client.epoch)) === at) {
    startOver(config, state, id);
  }
}
