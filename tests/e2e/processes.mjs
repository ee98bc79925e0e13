// Programs under test: started in a directory of their own, each with its output in a file, waited
// for by what they say, ended in order. At the end nothing may be left running, no program may have
// said `broken` or died of a sanitizer.
import { execFileSync, spawn } from 'node:child_process';
import {
  closeSync,
  existsSync,
  openSync,
  readFileSync,
  readdirSync,
  readlinkSync,
  statSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';

export const DEADLINE_MS = 30_000;
const STOP_MS = 15_000;
const POLL_MS = 20;

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** Resolves with the first truthy answer of `ask`; fails with `what` when that takes too long. */
export async function until(what, ask, deadlineMs = DEADLINE_MS) {
  const end = Date.now() + deadlineMs;
  for (;;) {
    const answer = await ask();
    if (answer) return answer;
    if (Date.now() > end) throw new Error(`waited ${deadlineMs / 1000} s for ${what}`);
    await pause(POLL_MS);
  }
}

/** Lets a while of the meters' time pass, in which they measure on: their clock is the wall's. */
export function seconds(count) {
  const end = Date.now() + count * 1000;
  return until(`${count} s to pass`, () => Date.now() >= end, count * 1000 + DEADLINE_MS);
}

/** `value`, or a failure when it takes too long. */
export function within(what, promise, deadlineMs = DEADLINE_MS) {
  let timer;
  const late = new Promise((_, reject) => {
    const fail = () => reject(new Error(`waited ${deadlineMs / 1000} s for ${what}`));
    timer = setTimeout(fail, deadlineMs);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

export function freePort() {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

/** One program. Its log file survives restarts: what was said before a kill stays readable. */
export class Program {
  constructor(name, directory, command, args, env = {}) {
    Object.assign(this, { name, command, args: args.map(String), env });
    this.log = join(directory, `${name}.log`);
    this.child = undefined;
    this.ended = undefined; // {code, signal} of the last run
    this.mark = 0; // where in the log the current run begins
  }

  start() {
    this.mark = existsSync(this.log) ? statSync(this.log).size : 0;
    const fd = openSync(this.log, 'a');
    this.ended = undefined;
    this.child = spawn(this.command, this.args, {
      stdio: ['ignore', fd, fd],
      env: { ...process.env, ...this.env },
    });
    closeSync(fd);
    this.exit = new Promise((resolve) => {
      this.child.on('error', (error) => resolve((this.ended = { error: error.message })));
      this.child.on('exit', (code, signal) => resolve((this.ended = { code, signal })));
    });
    return this;
  }

  get pid() {
    return this.child.pid;
  }

  text(from = 0) {
    return existsSync(this.log) ? readFileSync(this.log).subarray(from).toString() : '';
  }

  /** Waits for a line of this run; fails at once when the program ends without having said it. */
  async says(pattern, { from = this.mark, deadlineMs = DEADLINE_MS } = {}) {
    const look = () => {
      const ended = this.ended;
      const found = this.text(from).match(pattern);
      if (!found && ended)
        throw new Error(
          `${this.name} ended ${JSON.stringify(ended)} without saying ${pattern}:\n${this.text(
            from,
          ).slice(-2000)}`,
        );
      return found;
    };
    return until(`${this.name} to say ${pattern}`, look, deadlineMs);
  }

  /** Where the log ends now, as `from` of says(): what comes after this moment. */
  here() {
    return this.text().length === 0 ? 0 : statSync(this.log).size;
  }

  /** Ends it with a signal and waits; SIGTERM must be obeyed in time. */
  async stop(signal = 'SIGTERM') {
    if (!this.child || this.ended) return this.ended;
    this.child.kill(signal);
    try {
      return await within(`${this.name} to obey ${signal}`, this.exit, STOP_MS);
    } catch (error) {
      this.child.kill('SIGKILL');
      await this.exit;
      throw error;
    }
  }

  kill() {
    return this.stop('SIGKILL');
  }
}

/** Lines in any log that no test may cause. */
export function brokenLines(directory) {
  const pattern =
    /(^\S+ broken |: broken |AddressSanitizer|LeakSanitizer|ThreadSanitizer|runtime error:|Assertion .* failed)/;
  return readdirSync(directory)
    .filter((name) => name.endsWith('.log'))
    .flatMap((name) =>
      readFileSync(join(directory, name), 'utf8')
        .split('\n')
        .filter((line) => pattern.test(line))
        .map((line) => `${name}: ${line}`),
    );
}

/** Processes that work in the directory or mention it on their command line. */
export function leftRunning(directory) {
  const found = [];
  const isProcess = (name) => /^\d+$/.test(name) && Number(name) !== process.pid;
  for (const pid of readdirSync('/proc').filter(isProcess)) {
    try {
      const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim();
      const place = readlinkSync(`/proc/${pid}/cwd`);
      if (`${command} ${place}`.includes(directory)) found.push({ pid: Number(pid), command });
    } catch {
      // ended meanwhile
    }
  }
  return found;
}

/** Runs a program to its end; {code, stdout, stderr}. */
export function run(command, args, { env = {}, input, timeoutMs = DEADLINE_MS } = {}) {
  try {
    const stdout = execFileSync(command, args.map(String), {
      env: { ...process.env, ...env },
      input,
      timeout: timeoutMs,
      stdio: ['pipe', 'pipe', 'pipe'],
      maxBuffer: 1 << 28,
    });
    return { code: 0, stdout: stdout.toString(), stderr: '' };
  } catch (error) {
    if (error.status === undefined || error.status === null) throw error;
    return { code: error.status, stdout: error.stdout.toString(), stderr: error.stderr.toString() };
  }
}
