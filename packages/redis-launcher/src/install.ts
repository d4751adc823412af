import { type Env, run } from './command-line.js';

export type PackageManager = 'apt-get' | 'brew';

/**
 * Debian starts a service when its package is installed, and at every boot. Here, only the program is needed.
 * So the script adds a temporary policy-rc.d. Package scripts ask it before they start a service, and it
 * denies only Redis and Valkey. An existing policy-rc.d is kept.
 *
 * If `apt-get update` fails, for example because another apt-get is running, the script continues: the old
 * package list may be sufficient.
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
  // The lock serializes concurrent installations. It is needed because the timeout for apt-get's own lock
  // does not apply to `apt-get update`.
  'apt-get': ['flock', '/var/lib/apt', 'sh', '-c', APT_SCRIPT],
  brew: ['brew', 'install', 'redis'],
} as const;

/** Installs a Redis server with the system's package manager, without starting a service. */
export async function install(manager: PackageManager, env: Env): Promise<void> {
  console.error(`redis-launcher: no redis-server on PATH, installing it with ${manager}`);
  try {
    await run(COMMANDS[manager], { ...env, DEBIAN_FRONTEND: 'noninteractive' });
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new Error(`installing with ${manager} failed: ${reason}`, { cause });
  }
}
