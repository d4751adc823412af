import { type Env, run } from './command-line.js';

export type Manager = 'apt-get' | 'brew';

/**
 * Debian starts a service as soon as its package is installed, and at every boot. Here only the program is
 * wanted: policy-rc.d, which the packages' scripts ask before they start anything, says no for Redis alone
 * and goes away again; an administrator's own policy stays as it is.
 *
 * A list of packages that cannot be brought up to date, behind another apt-get for instance, may still do.
 */
const APT_SCRIPT = String.raw`
for server in redis-server valkey-server; do command -v $server && exit; done
policy=/usr/sbin/policy-rc.d
if [ ! -e $policy ]; then
  trap 'rm -f $policy' EXIT
  trap 'exit 130' INT TERM HUP
  printf '#!/bin/sh\ncase "$1" in redis*|valkey*) exit 101;; esac\n' >$policy
  chmod +x $policy
fi
apt-get update
for server in redis-server valkey-server; do
  apt-get install -y --no-install-recommends -o DPkg::Lock::Timeout=300 $server || continue
  systemctl disable $server 2>&1 || true
  exit 0
done
exit 1
`;

const COMMANDS = {
  // Two that install at once take turns, on a lock of ours: apt-get's own do not cover its update.
  'apt-get': ['flock', '/var/lib/apt', 'sh', '-c', APT_SCRIPT],
  brew: ['brew', 'install', 'redis'],
} as const;

/** Installs a Redis server with the system's package manager, and starts no service. */
export async function install(manager: Manager, env: Env): Promise<void> {
  console.error(`redis-launcher: no redis-server on PATH, so installing it with ${manager}`);
  try {
    await run(COMMANDS[manager], { ...env, DEBIAN_FRONTEND: 'noninteractive' });
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new Error(`installing with ${manager}: ${why}`, { cause });
  }
}
