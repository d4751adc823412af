import { on, once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { HashRing } from 'hash-ring';
import { SLOT_COUNT } from 'redis-launcher';
import type { Entry } from './contestant.js';
import { loadedEntry } from './loaded-keys.js';

const CHUNK_SIZE = 20_000;
const OK = '+OK\r\n';

/**
 * Writes each key with pipelined SETs to the server that owns the key on the ring or in the cluster.
 *
 * @param entryOf the entry for an index, in ASCII
 */
export async function loadKeys(
  locations: readonly string[],
  isCluster: boolean,
  prefix: string,
  keyCount: number,
  entryOf: (index: number) => Entry = loadedEntry,
): Promise<void> {
  const ownerIndex = isCluster ? slotOwner(locations.length) : ringOwner(locations);
  const pipelines = await Promise.all(locations.map((location) => Pipeline.connect(location)));
  let inFlight: Promise<unknown> = Promise.resolve();
  for (let from = 0; from < keyCount; from += CHUNK_SIZE) {
    const end = Math.min(keyCount, from + CHUNK_SIZE);
    const batches = locations.map(() => ({ commands: '', count: 0 }));
    for (let index = from; index < end; index++) {
      const { key: name, value } = entryOf(index);
      const key = prefix + name;
      const batch = batches[ownerIndex(key)] as (typeof batches)[number];
      batch.commands += `*3\r\n$3\r\nSET\r\n$${key.length}\r\n${key}\r\n$${value.length}\r\n${value}\r\n`;
      batch.count += 1;
    }
    // The servers execute the previous chunk while this one is encoded.
    await inFlight;
    inFlight = Promise.all(
      batches.map(({ commands, count }, index) => pipelines[index]?.send(commands, count)),
    );
  }
  await inFlight;
  for (const pipeline of pipelines) pipeline.close();
}

function ringOwner(locations: readonly string[]): (key: string) => number {
  const ring = new HashRing(locations.map((name) => ({ name })));
  const indexes = new Map(locations.map((location, index) => [location, index]));
  return (key) => indexes.get(ring.get(key) as string) as number;
}

function slotOwner(masterCount: number): (key: string) => number {
  return (key) => Math.floor((slotOf(key) * masterCount) / SLOT_COUNT);
}

/**
 * Returns a key's slot: CRC-16/XMODEM modulo 16,384, as in the Redis Cluster specification. Hash tags are not
 * supported, because the bench's keys do not contain any.
 */
export function slotOf(key: string): number {
  let crc = 0;
  for (let index = 0; index < key.length; index++) {
    crc ^= key.charCodeAt(index) << 8;
    for (let bit = 0; bit < 8; bit++) crc = (crc & 0x8000 ? (crc << 1) ^ 0x1021 : crc << 1) & 0xffff;
  }
  return crc % SLOT_COUNT;
}

class Pipeline {
  readonly #socket: Socket;

  private constructor(socket: Socket) {
    this.#socket = socket;
  }

  static async connect(location: string): Promise<Pipeline> {
    const [host = '', port] = location.split(':');
    const socket = connect({ host, port: Number(port) });
    await once(socket, 'connect');
    return new Pipeline(socket);
  }

  /** Sends `count` commands. @throws Error if a reply is not OK */
  async send(commands: string, count: number): Promise<void> {
    if (count === 0) return;
    this.#socket.write(commands, 'latin1');
    let received = '';
    for await (const [chunk] of on(this.#socket, 'data')) {
      received += chunk.toString('latin1');
      if (received.length >= OK.length * count) break;
    }
    if (received !== OK.repeat(count)) {
      throw new Error(`loading keys failed: ${received.replaceAll(OK, '').slice(0, 200)}`);
    }
  }

  close(): void {
    this.#socket.destroy();
  }
}
