import type { Env } from './command-line.js';
import { run } from './command-line.js';
import { findOnPath } from './find-server.js';

/** Debian installs twemproxy into a folder that is only on root's PATH. */
const EXTRA_FOLDERS = '/usr/sbin:/usr/local/sbin';

/** A temporary policy-rc.d keeps Debian from starting the service, as in install.ts. */
const APT_SCRIPT = String.raw`
command -v nutcracker && exit
policy=/usr/sbin/policy-rc.d
if [ ! -e $policy ]; then
  trap 'rm -f $policy' EXIT
  trap 'exit 130' INT TERM HUP
  printf '#!/bin/sh\ncase "$1" in nutcracker*) exit 101;; esac\n' >$policy
  chmod +x $policy
fi
apt-get update
apt-get install -y --no-install-recommends -o DPkg::Lock::Timeout=300 nutcracker || exit
systemctl disable nutcracker 2>&1 || true
`;

/**
 * The path of twemproxy's program, `nutcracker`. If it is missing and this process runs as root, installs it
 * with apt-get.
 *
 * @throws Error if there is none; the message says why
 */
export async function findTwemproxy(env: Env, isRoot = process.getuid?.() === 0): Promise<string> {
  const search: Env = { PATH: `${env['PATH'] ?? ''}:${EXTRA_FOLDERS}` };
  const found = findOnPath('nutcracker', search);
  if (found !== undefined) return found;
  if (!isRoot || findOnPath('apt-get', env) === undefined) {
    throw new Error('there is no nutcracker on PATH, and only root with apt-get can install it');
  }
  console.error('redis-launcher: no nutcracker (twemproxy) on PATH, installing it with apt-get');
  const command = ['flock', '/var/lib/apt', 'sh', '-c', APT_SCRIPT] as const;
  await run(command, { ...env, DEBIAN_FRONTEND: 'noninteractive' });
  const installed = findOnPath('nutcracker', search);
  if (installed === undefined)
    throw new Error('apt-get installed twemproxy, but there is still no nutcracker on PATH');
  return installed;
}
