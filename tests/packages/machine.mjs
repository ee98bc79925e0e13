// A Debian 12 machine for a test: made with debootstrap in a folder, booted with its own systemd in
// namespaces (tests/tools/debian.sh), ended and removed with everything in it. Needs root.
import { execFileSync, spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const SCRIPT = fileURLToPath(new URL('../tools/debian.sh', import.meta.url));
const PATHS = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

const bash = (script, ...args) =>
  execFileSync('bash', ['-euc', `. "$0"; ${script}`, SCRIPT, ...args], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  });

export class Machine {
  constructor() {
    this.dir = mkdtempSync(join(process.env.TMPDIR ?? '/var/tmp', 'amr-machine-'));
    this.root = join(this.dir, 'root');
  }

  path(name) {
    return join(this.root, name);
  }

  make() {
    bash('debian_make "$1" >&2', this.root);
  }

  /** In the folder, before it boots: with this machine's network. */
  prepare(script) {
    execFileSync(
      'unshare',
      ['--mount', '--pid', '--fork', '--kill-child', 'sh', '-euc', 'mount -t proc proc "$0/proc"; exec chroot "$0" sh -euc "$1"', this.root, script],
      { env: { PATH: PATHS, HOME: '/root', DEBIAN_FRONTEND: 'noninteractive', LANG: 'C.UTF-8' }, stdio: ['ignore', 'ignore', 'inherit'] },
    );
  }

  boot() {
    const said = bash('debian_boot "$1"; echo "$debian_outer $debian_init $debian_cgroup"', this.root);
    [this.outer, this.init, this.cgroup] = said.trim().split(' ');
  }

  /** {code, stdout, stderr} of a shell script in the booted machine. */
  try(script) {
    const inside = ['-t', this.init, '-a', '-r', 'env', '-i', 'HOME=/root', 'TERM=dumb', 'LANG=C.UTF-8'];
    const { status, stdout, stderr } = spawnSync(
      'nsenter',
      [...inside, `PATH=${PATHS}`, 'DEBIAN_FRONTEND=noninteractive', 'sh', '-euc', script],
      { encoding: 'utf8', maxBuffer: 1 << 26, timeout: 300_000 },
    );
    return { code: status, stdout, stderr };
  }

  run(script) {
    const { code, stdout, stderr } = this.try(script);
    if (code !== 0) throw new Error(`exit status ${code} of\n${script}\n${stderr}${stdout}`);
    return stdout;
  }

  put(file, to, mode) {
    mkdirSync(dirname(this.path(to)), { recursive: true });
    copyFileSync(file, this.path(to));
    if (mode) this.run(`chmod ${mode} /${to}`);
  }

  write(to, text) {
    writeFileSync(this.path(to), text);
  }

  read(name) {
    return readFileSync(this.path(name), 'utf8');
  }

  has(name) {
    return existsSync(this.path(name));
  }

  end(keep) {
    if (this.outer) process.kill(Number(this.outer), 'SIGKILL');
    if (keep) console.log(`kept ${this.dir}`);
    else spawnSync('rm', ['-rf', '--one-file-system', this.dir]);
    if (this.cgroup) spawnSync('rmdir', [this.cgroup]);
  }
}
