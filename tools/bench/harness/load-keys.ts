import { on, once } from 'node:events';
import { connect } from 'node:net';
import { HashRing } from 'hash-ring';
import { SLOT_COUNT } from 'redis-launcher';
import { loadedKey, loadedValue } from './loaded-keys.js';

const KEYS_PER_STEP = 20_000;
const OK = '+OK\r\n';

/** Fills servers with keys, each on the server where the ring (or the cluster) has it: SETs in pipelines. */
export async function loadKeys(
  locations: readonly string[],
  isCluster: boolean,
  prefix: string,
  keyCount: number,
): Promise<void> {
  const ring = new HashRing(locations.map((name) => ({ name })));
  const places = new Map(locations.map((location, index) => [location, index]));
  const placeOf = isCluster
    ? (key: string) => Math.floor((slotOf(key) * locations.length) / SLOT_COUNT)
    : (key: string) => places.get(ring.get(key) as string) as number;
  const pipelines = await Promise.all(locations.map((location) => Pipeline.open(location)));
  let sent: Promise<unknown> = Promise.resolve();
  for (let from = 0; from < keyCount; from += KEYS_PER_STEP) {
    const end = Math.min(keyCount, from + KEYS_PER_STEP);
    const texts = locations.map(() => ({ text: '', count: 0 }));
    for (let index = from; index < end; index++) {
      const key = prefix + loadedKey(index);
      const value = loadedValue(index);
      const target = texts[placeOf(key)] as { text: string; count: number };
      target.text += `*3\r\n$3\r\nSET\r\n$${key.length}\r\n${key}\r\n$${value.length}\r\n${value}\r\n`;
      target.count += 1;
    }
    // The servers are busy with the last step while this one is written.
    await sent;
    sent = Promise.all(texts.map(({ text, count }, place) => pipelines[place]?.send(text, count)));
  }
  await sent;
  for (const pipeline of pipelines) pipeline.close();
}

/** CRC-16/XMODEM modulo 16,384, as the specification of Redis Cluster has it; the keys here have no hash tag. */
export function slotOf(key: string): number {
  let crc = 0;
  for (let index = 0; index < key.length; index++) {
    crc ^= key.charCodeAt(index) << 8;
    for (let bit = 0; bit < 8; bit++) crc = (crc & 0x8000 ? (crc << 1) ^ 0x1021 : crc << 1) & 0xffff;
  }
  return crc % SLOT_COUNT;
}

class Pipeline {
  readonly #socket: ReturnType<typeof connect>;

  private constructor(socket: ReturnType<typeof connect>) {
    this.#socket = socket;
  }

  static async open(location: string): Promise<Pipeline> {
    const [host = '', port] = location.split(':');
    const socket = connect({ host, port: Number(port) });
    await once(socket, 'connect');
    return new Pipeline(socket);
  }

  /** Resolves when every one of `count` commands was answered with OK. */
  async send(commands: string, count: number): Promise<void> {
    if (count === 0) return;
    this.#socket.write(commands, 'latin1');
    let received = '';
    for await (const [chunk] of on(this.#socket, 'data')) {
      received += chunk.toString('latin1');
      if (received.length >= OK.length * count) break;
    }
    if (received !== OK.repeat(count)) {
      throw new Error(`loading keys: ${received.replaceAll(OK, '').slice(0, 200)}`);
    }
  }

  close(): void {
    this.#socket.destroy();
  }
}
