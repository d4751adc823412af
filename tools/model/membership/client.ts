import { begin, endRead, endWrite, NONE, type Verb, writeOf } from '../judge.js';
import {
  bit,
  type ClientState,
  type ClientStep,
  type Config,
  freshToken,
  isMoving,
  NO_TOKEN,
  otherThan,
  ownerOf,
  type Part,
  raise,
  SERVERS,
  type Server,
  type State,
  setKnown,
  UNKNOWN,
} from './state.js';

/**
 * Changes the state by the next step of a client. A command is sent in one step and executed in a later one, so a
 * process that pauses anywhere is covered.
 *
 * @returns the name of the step
 */
export function stepClient(config: Config, state: State, id: number): string {
  return new ClientTurn(config, state, id).run();
}

/** Changes the state: the client reads the record of a server that it does not need at once. */
export function openEarly(config: Config, state: State, id: number, at: Server): string {
  return new ClientTurn(config, state, id).open(at);
}

/** Whether the client could read the record of a server, and has no command on its way. */
export function canOpen(state: State, id: number, at: Server): boolean {
  const { isSent, known, epoch } = state.clients[id] as ClientState;
  return !isSent && known[at] !== epoch;
}

export function hasEnded(config: Config, state: State, id: number): boolean {
  return state.clients[id]?.index === config.clients[id]?.length;
}

class ClientTurn {
  readonly #config: Config;
  readonly #state: State;
  readonly #id: number;
  readonly #verb: Verb;
  readonly #client: ClientState;

  constructor(config: Config, state: State, id: number) {
    this.#config = config;
    this.#state = state;
    this.#id = id;
    this.#client = state.clients[id] as ClientState;
    this.#verb = config.clients[id]?.[this.#client.index] as Verb;
  }

  run(): string {
    const client = this.#client;
    if (client.step === 'idle') {
      begin(this.#config, this.#state, this.#id);
      this.#startOver();
      return `client ${this.#id}: begins ${this.#verb}`;
    }
    const at = serverOf(client.step, client.epoch);
    const name = `client ${this.#id}, epoch ${client.epoch}: ${client.step} at ${at}`;
    if (client.isSent) {
      const result = this.#execute(at);
      return `${name} is executed${result}`;
    }
    const unseen = this.#unseenServer(at);
    if (unseen === undefined) {
      client.isSent = true;
      return `${name} is sent`;
    }
    return this.open(unseen);
  }

  #has(part: Part): boolean {
    return !this.#config.without?.includes(part);
  }

  /** The server whose record has to be read first, if there is one. */
  #unseenServer(at: Server): Server | undefined {
    const { known, epoch, seen } = this.#client;
    if (known[at] !== epoch) return at;
    if (!isMoving(epoch) || !this.#has('witness')) return undefined;
    return SERVERS.find((server) => (seen & bit(server)) === 0);
  }

  /** Reads the record of a server. The older one of the server and the process is brought up. */
  open(at: Server): string {
    const client = this.#client;
    const server = this.#state.servers[at];
    if (client.raising > 0 || server.epoch > 0) {
      raise(this.#state, at, Math.max(client.raising, client.epoch));
      client.raising = 0;
      setKnown(client, at, server.epoch);
    } else {
      // Another step writes the record, because it can have become old in between.
      const asked = this.#has('ask') ? this.#state.servers[otherThan(at)].epoch : 0;
      client.raising = Math.max(asked, client.epoch);
      if (client.raising === 0) setKnown(client, at, 0);
    }
    const newest = Math.max(client.raising, client.known[at]);
    if (newest > client.epoch) {
      client.epoch = newest;
      client.seen = 0;
      if (client.step !== 'idle') this.#startOver();
    }
    if (isMoving(client.epoch) && client.known[at] === client.epoch) client.seen |= bit(at);
    return `client ${this.#id}: opens ${at}, epoch ${client.epoch}`;
  }

  /** Begins the operation under the present record. */
  #startOver(): void {
    const client = this.#client;
    client.isSent = false;
    client.token = NO_TOKEN;
    client.fetched = NONE;
    if (this.#verb === 'get') {
      client.step = 'read';
    } else if (isMoving(client.epoch)) {
      client.step = this.#has('order') ? 'unlink' : 'unlease';
    } else {
      const isDirty = (client.dirty & bit(otherThan(ownerOf(client.epoch)))) !== 0;
      client.step = isDirty ? 'clean' : 'write';
    }
  }

  /** The server executes the command. A push that came before stands before the reply. */
  #execute(at: Server): string {
    const client = this.#client;
    client.isSent = false;
    const isSuperseded = client.known[at] !== client.epoch;
    const reply = this.#effect(at);
    if (reply === 'refused' || (isSuperseded && this.#has('fence'))) {
      if (client.step === 'write' && this.#verb === 'set' && this.#has('clean')) client.dirty |= bit(at);
      setKnown(client, at, UNKNOWN);
      this.#startOver();
      return ', superseded';
    }
    this.#goOn(at, reply);
    return '';
  }

  /** What a command does at its server. @returns the value that is there then */
  #effect(at: Server): number | 'refused' {
    const client = this.#client;
    const server = this.#state.servers[at];
    const isChecked = this.#has(client.step === 'drop' ? 'check at from' : 'check at to');
    const isRefused = isChecked && server.epoch !== client.epoch;
    switch (client.step) {
      case 'write':
        server.value = this.#verb === 'set' ? writeOf(this.#config, this.#id, client.index) : NONE;
        break;
      case 'clean':
      case 'unlink':
        server.value = NONE;
        break;
      case 'unlease':
        server.lease = NO_TOKEN;
        break;
      case 'lease':
        if (isRefused) return 'refused';
        if (server.value !== NONE) break;
        if (server.lease === NO_TOKEN) server.lease = freshToken(this.#state);
        client.token = server.lease;
        break;
      case 'store':
        if (isRefused) return 'refused';
        if (server.lease === client.token || !this.#has('cas')) {
          server.lease = NO_TOKEN;
          if (server.value === NONE) server.value = client.fetched;
        } else client.fetched = NONE;
        break;
      case 'drop':
        if (isRefused) return 'refused';
        server.value = NONE;
    }
    return server.value;
  }

  /** The next command, or the end of the operation. */
  #goOn(at: Server, reply: number): void {
    const client = this.#client;
    switch (client.step) {
      case 'read':
        if (reply !== NONE || !isMoving(client.epoch)) this.#end(reply);
        else client.step = this.#has('pull') ? 'lease' : 'fetch';
        break;
      case 'lease':
        if (reply === NONE) client.step = 'fetch';
        else this.#end(reply);
        break;
      case 'fetch':
        client.fetched = reply;
        if (this.#has('pull')) client.step = 'store';
        else this.#end(reply);
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
      case 'clean':
        client.dirty &= ~bit(at);
        client.step = 'write';
        break;
      case 'unlink':
        client.dirty &= ~bit(at);
        if (this.#has('order')) client.step = this.#has('lease') ? 'unlease' : 'write';
        else this.#end(NONE);
        break;
      case 'unlease':
        client.step = 'write';
        break;
      case 'write':
        if (isMoving(client.epoch) && !this.#has('order')) client.step = 'unlink';
        else this.#end(NONE);
    }
  }

  #end(value: number): void {
    const client = this.#client;
    if (this.#verb === 'get') endRead(this.#config, this.#state, this.#id, value);
    else endWrite(this.#config, this.#state, this.#id);
    Object.assign(client, { step: 'idle', token: NO_TOKEN, fetched: NONE, dirty: 0, mark: 0 });
    client.index += 1;
    // What a process knows after its last operation makes no difference.
    const isLast = client.index === this.#config.clients[this.#id]?.length;
    if (isLast) Object.assign(client, { epoch: 0, known: [UNKNOWN, UNKNOWN], seen: 0 });
  }
}

/** Where a client's command is executed. */
export function serverOf(step: ClientStep, epoch: number): Server {
  const isAtOther = step === 'clean' || step === 'unlink' || step === 'fetch' || step === 'drop';
  return isAtOther ? otherThan(ownerOf(epoch)) : ownerOf(epoch);
}

/** A server came back empty: connections are lost, and with them the commands that were not executed. */
export function loseConnection(client: ClientState, at: Server): void {
  setKnown(client, at, UNKNOWN);
  if (client.isSent && serverOf(client.step, client.epoch) === at) client.isSent = false;
}
