// tidy: taste that a machine can check. Each rule is one row of RULES; tidy.test.mjs shows each one
// red. Needs git, and universal-ctags for the lengths of functions. Layout is clang-format's job,
// bugs are clang-tidy's; this looks for what neither knows.

import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, dirname, extname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const FUNCTION_LINES_MAX = 70;
const FILE_LINES_MAX = 800;
const CODE_FOLDERS = /^(broker-plugin|chain-bridge|meter-client|common)\//;
const TEXT =
  /\.(c|h|sol|mjs|cjs|js|sh|cmake|txt|md|json|yml|yaml|conf|html|css|toml|in)$|(^|\/)[^.]+$/;

// Written in two halves so that this file does not report itself.
const MACHINE_PATHS = new RegExp(
  ['/wo' + 'rk/', '/tmp/br' + 'ief', '/ro' + 'ot/', '/ho' + 'me/[a-z]'].join('|')
);
const REGISTRY_HOSTS = new RegExp(
  [
    'registry\\.np' + 'mjs',
    'registry\\.ya' + 'rnpkg',
    'deb\\.deb' + 'ian\\.org',
    'security\\.deb' + 'ian\\.org',
    'snapshot\\.deb' + 'ian\\.org',
    'pypi\\.or' + 'g',
    'crates\\.i' + 'o',
    'proxy\\.gol' + 'ang',
    'repo\\d?\\.mav' + 'en',
    'deb\\.node' + 'source',
  ].join('|')
);
const LEFTOVERS = new RegExp('\\b(TO' + 'DO|FIX' + 'ME|XX' + 'X|HA' + 'CK)\\b');

// Calls that C code must not make, and what to use.
const BANNED = [
  [
    /\b(strcpy|strcat|strncpy|strncat|stpcpy)\s*\(/,
    'copies without knowing the size; use snprintf or struct buf',
  ],
  [/\b(sprintf|vsprintf)\s*\(/, 'writes without a bound; use snprintf'],
  [
    /\b(gets|scanf|fscanf|sscanf)\s*\(/,
    'reads without a bound or silently; use a parser that checks',
  ],
  [/\b(atoi|atol|atoll|atof|strtok)\s*\(/, 'no error or hidden state; use parse_u64'],
  [/\b(system|popen|alloca)\s*\(/, 'not in this code'],
  [/\b(rand|srand|random|drand48)\s*\(/, 'not random enough; use getrandom'],
  [/\b(localtime|gmtime|ctime|asctime)\s*\(/, 'one buffer for all threads; use the _r call'],
  [/\b(sleep|usleep)\s*\(/, 'waits blindly; wait on a condition with a deadline'],
];

// Headers that only some files may include.
const FENCES = [
  ['sqlite3.h', /^common\/db\.c$/, 'SQL goes through common/db.h'],
  ['MQTTAsync.h', /^common\/mqtt\.c$/, 'MQTT goes through common/mqtt.h'],
  ['jansson.h', /^common\/json\.[ch]$/, 'JSON goes through common/json.h'],
  [
    'libwebsockets.h',
    /^(chain-bridge|common)\/(rpc|http|ws|web|dash|api|loop|serve)\w*\.c$/,
    'only the rpc and http modules',
  ],
  ['mosquitto_plugin.h', /^broker-plugin\//, 'only the plugin'],
  ['mosquitto_broker.h', /^broker-plugin\//, 'only the plugin'],
];

// --- what a rule looks at -------------------------------------------------------------------

/** Blanks comments and the insides of strings; line numbers stay. */
function stripC(text) {
  const blank = (s) => s.replace(/[^\n]/g, ' ');
  return text.replace(/\/\*[\s\S]*?\*\/|\/\/[^\n]*|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'/g, (m) =>
    m[0] === '/' ? blank(m) : m[0] + blank(m.slice(1, -1)) + m[0]
  );
}

class File {
  constructor(root, path) {
    this.path = path;
    this.text = readFileSync(join(root, path), 'utf8');
    this.lines = this.text.split('\n');
    if (this.lines.at(-1) === '') this.lines.pop();
    this.isC = /\.[ch]$/.test(path);
    this.isTest = /_(test|fuzz)\.c$|^tests\/|\/test\//.test(path);
    if (this.isC) this.code = stripC(this.text).split('\n');
  }
}

function listFiles(root) {
  if (existsSync(join(root, '.git'))) {
    const out = execFileSync('git', ['-C', root, 'ls-files', '-z', '-co', '--exclude-standard']);
    return out
      .toString()
      .split('\0')
      .filter((p) => p && existsSync(join(root, p)));
  }
  return readdirSync(root, { recursive: false, withFileTypes: true }).flatMap((entry) => {
    if (entry.name === 'node_modules') return [];
    if (!entry.isDirectory()) return [entry.name];
    return listFiles(join(root, entry.name)).map((p) => `${entry.name}/${p}`);
  });
}

/** Every C function: [{path, name, line, lines}]. */
function listFunctions(root, files) {
  const sources = files.filter((f) => f.isC).map((f) => f.path);
  if (sources.length === 0) return [];
  const out = execFileSync(
    'ctags',
    [
      '--output-format=json',
      '--languages=C',
      '--langmap=C:.c.h',
      '--kinds-C=f',
      '--fields=+ne',
      '-f',
      '-',
      '-L',
      '-',
    ],
    { cwd: root, input: sources.join('\n'), maxBuffer: 1 << 26 }
  );
  return out
    .toString()
    .split('\n')
    .filter(Boolean)
    .map((row) => JSON.parse(row))
    .filter((tag) => tag._type === 'tag' && tag.end)
    .map((tag) => ({
      path: tag.path,
      name: tag.name,
      line: tag.line,
      lines: tag.end - tag.line + 1,
    }));
}

// --- helpers of rules -----------------------------------------------------------------------

function* matches(lines, pattern, text) {
  for (const [i, line] of lines.entries()) {
    const found = line.match(pattern);
    if (found) yield [i + 1, typeof text === 'function' ? text(found) : text];
  }
}

/** Declarations at depth 0 as [{line, text}], initialisers and bodies cut out. */
function topLevelDeclarations(code) {
  const found = [];
  let depth = 0,
    parens = 0,
    text = '',
    line = 1,
    start = 1,
    macro = false;
  for (const char of code.join('\n')) {
    if (char === '\n') {
      line++;
      if (macro && !text.endsWith('\\')) {
        macro = false;
        text = '';
      }
    }
    if (char === '#' && text.trim() === '') macro = true;
    if (macro) {
      text = char === '\n' ? '' : text + char;
      continue;
    }
    if (text.trim() === '') start = line;
    if (char === '{') {
      depth++;
      continue;
    }
    if (char === '}') {
      if (--depth === 0 && !/=\s*$|\b(struct|union|enum)\b[^()]*$/.test(text)) text = '';
      continue;
    }
    if (depth > 0) continue;
    if (char === '(') parens++;
    if (char === ')') parens--;
    if (char === ';' && parens === 0) {
      found.push({ line: start, text: text.replace(/\s+/g, ' ').trim() });
      text = '';
    } else text += char;
  }
  return found;
}

/** Whether the object itself, not only what it points to, is const. */
function isConstObject(declaration) {
  const left = declaration.split('=')[0];
  const star = left.lastIndexOf('*');
  return /\bconst\b/.test(star < 0 ? left : left.slice(star));
}

function isFunctionDeclaration(text) {
  return (
    /\w\s*\([^*]/.test(text.split('=')[0]) ||
    /\)\s*(AMR_\w+|__attribute__.*)*$/.test(text.split('=')[0])
  );
}

// --- the rules ------------------------------------------------------------------------------
// check(file, repository) yields [line, message].

const RULES = [
  {
    name: 'function-length',
    about: `no C function above ${FUNCTION_LINES_MAX} lines`,
    *check(file, repository) {
      for (const f of repository.functions.get(file.path) ?? [])
        if (f.lines > FUNCTION_LINES_MAX) yield [f.line, `${f.name} has ${f.lines} lines`];
    },
  },
  {
    name: 'file-length',
    about: `no source file above ${FILE_LINES_MAX} lines`,
    *check(file) {
      if (
        /\.(c|h|sol|mjs|cjs|js|sh|md)$|^[^.]+$/.test(file.path) &&
        file.lines.length > FILE_LINES_MAX
      )
        yield [FILE_LINES_MAX, `${file.lines.length} lines`];
    },
  },
  {
    name: 'header-story',
    about: 'a header starts with a comment that names the file and says what it is',
    *check(file) {
      if (!file.path.endsWith('.h')) return;
      const comment = file.text.match(/^\/\*\n([\s\S]*?)\*\//)?.[1] ?? '';
      const words = comment.split(/\s+/).filter((w) => /\w/.test(w));
      if (!comment.includes(`${basename(file.path)}: `))
        yield [1, `no opening comment "${basename(file.path)}: ..."`];
      else if (words.length < 8) yield [1, 'the opening comment tells no story'];
    },
  },
  {
    name: 'mutable-data',
    about:
      'no mutable data at file scope or static in functions, none extern (tests may keep static data)',
    *check(file) {
      if (!file.isC) return;
      for (const { line, text } of topLevelDeclarations(file.code)) {
        if (
          /^(typedef|struct \w+$|union \w+$|enum\b|_Static_assert|static_assert)/.test(text) ||
          text === ''
        )
          continue;
        if (/^extern "C/.test(text) || isFunctionDeclaration(text)) continue;
        if (/^extern\b/.test(text) && !isConstObject(text))
          yield [line, `extern data: ${text.slice(0, 60)}`];
        else if (/^(struct|union) \w+ *$/.test(text)) continue;
        else if (!file.isTest && !isConstObject(text))
          yield [line, `mutable data: ${text.slice(0, 60)}`];
      }
      if (file.isTest) return;
      for (const [i, row] of file.code.entries())
        if (/^\s+static\s/.test(row) && !isFunctionDeclaration(row) && !isConstObject(row))
          yield [i + 1, `mutable static: ${row.trim().slice(0, 60)}`];
    },
  },
  {
    name: 'banned-call',
    about:
      'no call of ' +
      BANNED.map(([p]) => p.source.match(/\(([^)]*)\)/)[1].replaceAll('|', ' ')).join(' '),
    *check(file) {
      if (!file.isC) return;
      for (const [pattern, why] of BANNED)
        yield* matches(file.code, pattern, (m) => `${m[1]}: ${why}`);
    },
  },
  {
    name: 'time-source',
    about: 'only common/clock.c asks the C library for the time (tests may)',
    *check(file) {
      if (!file.isC || file.isTest || file.path === 'common/clock.c') return;
      yield* matches(
        file.code,
        /\b(clock_gettime|gettimeofday|time)\s*\((?!\s*void)/,
        (m) => `${m[1]}: use common/clock.h`
      );
    },
  },
  {
    name: 'fence',
    about: 'libraries stay behind their modules: ' + FENCES.map(([h]) => h).join(' '),
    *check(file) {
      if (!file.isC) return;
      for (const [header, allowed, why] of FENCES)
        if (!allowed.test(file.path))
          yield* matches(
            file.lines,
            new RegExp(`^\\s*#\\s*include\\s*[<"]${header.replace('.', '\\.')}`),
            `${header}: ${why}`
          );
    },
  },
  {
    name: 'module-pair',
    about:
      'a module is x.h and x.c; a .c alone is a program, a test or a fuzz target; a .h alone declares no function',
    *check(file, repository) {
      if (!file.isC || !CODE_FOLDERS.test(file.path) || file.isTest) return;
      const twin = file.path.replace(/\.[ch]$/, file.path.endsWith('.c') ? '.h' : '.c');
      if (repository.paths.has(twin)) return;
      const code = file.code.join('\n');
      if (file.path.endsWith('.c') && !/\bmain\s*\(|\bmosquitto_plugin_init\s*\(/.test(code))
        yield [1, `has no ${basename(twin)}`];
      if (
        file.path.endsWith('.h') &&
        topLevelDeclarations(file.code).some(
          ({ text }) =>
            isFunctionDeclaration(text) && !/^(static|typedef|_Static_assert)/.test(text)
        ) &&
        !repository.files.some(
          (f) =>
            f.path.endsWith('.c') &&
            f.path.startsWith(file.path.replace(/(_internal|_parts)?\.h$/, ''))
        )
      )
        yield [1, `declares functions but has no ${basename(twin)}`];
    },
  },
  {
    name: 'dead-file',
    about: "every .c file is named in a CMake file of its folder (a test by its module's name)",
    *check(file, repository) {
      if (!file.path.endsWith('.c') || !CODE_FOLDERS.test(file.path)) return;
      const lists = [];
      for (let folder = dirname(file.path); folder !== '.'; folder = dirname(folder))
        for (const other of repository.files)
          if (dirname(other.path) === folder && /(CMakeLists\.txt|\.cmake)$/.test(other.path))
            lists.push(other.text);
      const stem = basename(file.path, '.c');
      const names = [stem, stem.replace(/_test$/, '')];
      const text = lists.join('\n');
      if (
        !names.some((name) => new RegExp(`(^|[\\s(/"])${name}(\\.c)?($|[\\s)"])`, 'm').test(text))
      )
        yield [1, 'no CMake file beside it names it'];
    },
  },
  {
    name: 'leftover',
    about: 'no note to self is left',
    *check(file) {
      yield* matches(file.lines, LEFTOVERS, (m) => `${m[1]} left behind`);
    },
  },
  {
    name: 'whitespace',
    about: 'no trailing whitespace, no tab in C, a newline at the end',
    *check(file) {
      yield* matches(file.lines, /[ \t]+$/, 'trailing whitespace');
      if (file.isC) yield* matches(file.lines, /\t/, 'tab');
      const madeByForge = file.path.startsWith('contracts/snapshots/');
      if (file.text !== '' && !file.text.endsWith('\n') && !madeByForge)
        yield [file.lines.length, 'no newline at the end'];
    },
  },
  {
    name: 'place',
    about: "no path of one person's machine, no package registry's address",
    *check(file) {
      yield* matches(file.lines, MACHINE_PATHS, (m) => `path of one machine: ${m[0]}`);
      yield* matches(file.lines, REGISTRY_HOSTS, (m) => `address of a registry: ${m[0]}`);
    },
  },
  {
    name: 'blind-wait',
    about: 'end-to-end tests wait on logs and state, through the harness, never for a time',
    *check(file) {
      if (!/^tests\/e2e\/.*\.test\.mjs$/.test(file.path)) return;
      yield* matches(
        file.lines,
        /\b(setTimeout|setInterval)\b|timers\/promises/,
        'waits for a time'
      );
    },
  },
];

// --- the run --------------------------------------------------------------------------------

function quantiles(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (q) =>
    sorted.length ? sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))] : 0;
  return `median ${at(0.5)}, p90 ${at(0.9)}, max ${at(1)}`;
}

export function inspect(root) {
  const paths = listFiles(root).filter(
    (p) => TEXT.test(p) && basename(p) !== 'package-lock.json' && !/^tests\/fuzz\/corpus\//.test(p)
  );
  const files = paths.map((p) => new File(root, p)).filter((f) => !f.text.includes('\0'));
  const functions = new Map();
  for (const f of listFunctions(root, files))
    functions.set(f.path, [...(functions.get(f.path) ?? []), f]);
  const repository = {
    files,
    functions,
    paths: new Set(paths),
    byPath: new Map(files.map((f) => [f.path, f])),
  };
  const findings = [];
  for (const rule of RULES)
    for (const file of files)
      for (const [line, message] of rule.check(file, repository))
        findings.push({ rule: rule.name, path: file.path, line, message });
  return { findings, files, functions: [...functions.values()].flat() };
}

function printSizes({ files, functions }) {
  const test = new Set(files.filter((f) => f.isTest).map((f) => f.path));
  const rows = [
    ['C functions', functions.filter((f) => !test.has(f.path)).map((f) => f.lines)],
    ['C files', files.filter((f) => f.path.endsWith('.c') && !f.isTest).map((f) => f.lines.length)],
    [
      'C headers',
      files.filter((f) => f.path.endsWith('.h') && !f.isTest).map((f) => f.lines.length),
    ],
    ['C test functions', functions.filter((f) => test.has(f.path)).map((f) => f.lines)],
    [
      'C test files',
      files.filter((f) => f.path.endsWith('.c') && f.isTest).map((f) => f.lines.length),
    ],
    ['Solidity files', files.filter((f) => f.path.endsWith('.sol')).map((f) => f.lines.length)],
    [
      'scripts',
      files
        .filter(
          (f) => ['.mjs', '.cjs', '.sh', ''].includes(extname(f.path)) && /^(#!|\/\/)/.test(f.text)
        )
        .map((f) => f.lines.length),
    ],
  ];
  for (const [name, lines] of rows) {
    const total = lines.reduce((sum, n) => sum + n, 0);
    if (lines.length)
      console.log(
        `${name.padEnd(17)} ${String(lines.length).padStart(5)}, lines: ${quantiles(
          lines
        )}, all ${total}`
      );
  }
}

function main(argv) {
  if (argv[0] === '--list') {
    for (const rule of RULES) console.log(`${rule.name.padEnd(16)} ${rule.about}`);
    return 0;
  }
  const root = resolve(argv[0] ?? join(dirname(fileURLToPath(import.meta.url)), '../..'));
  const result = inspect(root);
  for (const { path, line, rule, message } of result.findings)
    console.log(`${path}:${line}: ${message} [${rule}]`);
  printSizes(result);
  console.log(
    `tidy: ${RULES.length} rules, ${result.files.length} files, ${result.findings.length} findings`
  );
  return result.findings.length ? 1 : 0;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) process.exit(main(process.argv.slice(2)));
