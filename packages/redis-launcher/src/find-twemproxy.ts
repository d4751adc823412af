import type { Env } from './command-line.js';
import { run } from './command-line.js';
import { findOnPath } from './find-server.js';

/** Debian keeps it where only root's PATH leads. */
const EXTRA_FOLDERS = '/usr/sbin:/usr/local/sbin';

/**
 * Debian starts a service as soon as its package is installed: policy-rc.d, which the package's script asks
 * before, says no for this one and goes away again; an administrator's own policy stays as it is.
 */
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
 * The path of twemproxy's program, which is called nutcracker; installed with apt-get where it is not there
 * and this is root.
 *
 * @throws Error that says why there is none
 */
export async function findTwemproxy(env: Env, isRoot = process.getuid?.() === 0): Promise<string> {
  const search: Env = { PATH: `${env['PATH'] ?? ''}:${EXTRA_FOLDERS}` };
  const found = findOnPath('nutcracker', search);
  if (found !== undefined) return found;
  if (!isRoot || findOnPath('apt-get', env) === undefined) {
    throw new Error('there is no nutcracker on PATH, and only root with apt-get can install it');
  }
  console.error('redis-launcher: no nutcracker (twemproxy) on PATH, so installing it with apt-get');
  const command = ['flock', '/var/lib/apt', 'sh', '-c', APT_SCRIPT] as const;
  await run(command, { ...env, DEBIAN_FRONTEND: 'noninteractive' });
  const installed = findOnPath('nutcracker', search);
  if (installed === undefined)
    throw new Error('apt-get installed it, but there is still no nutcracker on PATH');
  return installed;
}
