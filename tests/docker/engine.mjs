// A Docker engine for a test: the one that runs, or Debian's, started for the test in a folder of its
// own. And the base image: pulled, or, where no registry can be reached, made with debootstrap under
// the same tag. Needs root where it has to start or make something.
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, openSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { until, within } from '../e2e/processes.mjs';

const DEBIAN = fileURLToPath(new URL('../tools/debian.sh', import.meta.url));
export const BASE = 'debian:bookworm-slim';

export class Engine {
  constructor(dir) {
    this.dir = dir;
    this.env = { ...process.env, DOCKER_BUILDKIT: '0', COMPOSE_DOCKER_CLI_BUILD: '0' };
  }

  /** {code, stdout, stderr} of a command with this engine. */
  try(command, args, { timeoutMs = 60_000, env = {} } = {}) {
    const { status, stdout, stderr, error } = spawnSync(command, args, {
      encoding: 'utf8',
      env: { ...this.env, ...env },
      timeout: timeoutMs,
      maxBuffer: 1 << 28,
    });
    return { code: status ?? -1, stdout, stderr: stderr + (error ? error.message : '') };
  }

  docker(...args) {
    const { code, stdout, stderr } = this.try('docker', args);
    if (code !== 0) throw new Error(`docker ${args.join(' ')}: ${stderr}${stdout.slice(-3000)}`);
    return stdout;
  }

  async start() {
    if (this.try('docker', ['info']).code === 0) return;
    const socket = `unix://${join(this.dir, 'docker.sock')}`;
    const log = openSync(join(this.dir, 'dockerd.log'), 'w');
    const folder = (name) => join(this.dir, name);
    this.daemon = spawn(
      '/usr/sbin/dockerd',
      ['--data-root', folder('data'), '--exec-root', folder('exec'), '-H', socket, '--pidfile', folder('pid')],
      { stdio: ['ignore', log, log], detached: true },
    );
    this.ended = new Promise((resolve) => this.daemon.on('exit', resolve));
    this.env.DOCKER_HOST = socket;
    await until('the engine', () => this.try('docker', ['info']).code === 0, 60_000);
  }

  /** True where it was made here. */
  base() {
    if (this.try('docker', ['image', 'inspect', BASE]).code === 0) return false;
    if (this.try('docker', ['pull', '-q', BASE], { timeoutMs: 120_000 }).code === 0) return false;
    const root = join(this.dir, 'base');
    execFileSync('bash', ['-euc', '. "$0"; debian_make "$1" >&2', DEBIAN, root], { stdio: ['ignore', 'ignore', 'inherit'] });
    for (const folder of ['usr/share/doc', 'usr/share/man', 'usr/share/locale', 'var/cache/apt/archives', 'var/lib/apt/lists'])
      rmSync(join(root, folder), { recursive: true, force: true });
    mkdirSync(join(root, 'var/cache/apt/archives/partial'), { recursive: true });
    const change = [];
    if (process.env.NODE_EXTRA_CA_CERTS && existsSync(process.env.NODE_EXTRA_CA_CERTS)) {
      // This machine's own authority for reaching npm; in the test's base image only.
      mkdirSync(join(root, 'etc/amr-host'));
      copyFileSync(process.env.NODE_EXTRA_CA_CERTS, join(root, 'etc/amr-host/ca.crt'));
      change.push('--change', 'ENV NODE_EXTRA_CA_CERTS=/etc/amr-host/ca.crt npm_config_cafile=/etc/amr-host/ca.crt');
    }
    execFileSync('sh', ['-euc', 'root=$1; shift; tar -C "$root" -c . | docker import "$@"', 'sh', root, ...change, '-', BASE], {
      env: this.env,
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    rmSync(root, { recursive: true, force: true });
    return true;
  }

  async stop() {
    if (!this.daemon) return;
    this.daemon.kill('SIGTERM');
    await within('the engine to end', this.ended, 60_000);
  }
}
