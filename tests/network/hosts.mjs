// Hosts for a test: network namespaces on one switch, each with an address, whose cable can be pulled.
// Needs root and iproute2. Everything is in namespaces of names that no other test has.
import { execFileSync } from 'node:child_process';

const ip = (...args) => execFileSync('ip', args.map(String), { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });

export class Hosts {
  /** names: of the hosts; the test itself is one more host on the switch. */
  constructor(...names) {
    this.tag = `amr${process.pid}`;
    this.net = `10.${64 + (process.pid % 128)}.7`;
    this.all = new Map();
    this.switch = `${this.tag}-switch`;
    try {
      ip('netns', 'add', this.switch);
      this.inside(this.switch, 'link', 'add', 'lan', 'type', 'bridge');
      this.inside(this.switch, 'link', 'set', 'lan', 'up');
      this.cable(undefined, 254);
      names.forEach((name, i) => {
        const ns = `${this.tag}-${name}`;
        ip('netns', 'add', ns);
        this.all.set(name, { ns, port: `p${i + 1}`, address: `${this.net}.${i + 1}` });
        this.cable(ns, i + 1);
      });
    } catch (error) {
      this.end();
      throw error;
    }
  }

  inside(ns, ...args) {
    return ip('-n', ns, ...args);
  }

  cable(ns, number) {
    const near = ns ? 'eth0' : `${this.tag}t`;
    const port = `p${number}`;
    const place = ns ? ['-n', ns] : [];
    ip(...place, 'link', 'add', near, 'type', 'veth', 'peer', 'name', port, 'netns', this.switch);
    this.inside(this.switch, 'link', 'set', port, 'master', 'lan', 'up');
    ip(...place, 'addr', 'add', `${this.net}.${number}/24`, 'dev', near);
    ip(...place, 'link', 'set', near, 'up');
    if (ns) ip(...place, 'link', 'set', 'lo', 'up');
  }

  address(name) {
    return this.all.get(name).address;
  }

  /** A program's command line on that host. */
  on(name, command, args) {
    return ['ip', ['netns', 'exec', this.all.get(name).ns, command, ...args]];
  }

  /** Nothing more reaches the host, and nobody is told. */
  pull(name) {
    this.inside(this.switch, 'link', 'set', this.all.get(name).port, 'down');
  }

  plug(name) {
    this.inside(this.switch, 'link', 'set', this.all.get(name).port, 'up');
  }

  /** The two no longer hear each other; all others do. */
  part(a, b) {
    for (const [from, to] of [[a, b], [b, a]])
      this.inside(this.all.get(from).ns, 'route', 'add', 'blackhole', `${this.address(to)}/32`);
  }

  heal(a, b) {
    for (const [from, to] of [[a, b], [b, a]])
      this.inside(this.all.get(from).ns, 'route', 'del', 'blackhole', `${this.address(to)}/32`);
  }

  end() {
    const quietly = (...args) => {
      try {
        ip(...args);
      } catch {
        // was not there
      }
    };
    for (const { ns } of this.all.values()) quietly('netns', 'del', ns);
    quietly('netns', 'del', this.switch);
    quietly('link', 'del', `${this.tag}t`);
  }
}
