// embed: the dashboard's files as C, for web_assets.c.
//
//   node embed.mjs OUT.h
//
// Takes *.html, *.css, *.js, *.svg of this folder, openapi.json, and what vendor.txt names ("NAME
// PATH" a line, PATH within node_modules) as vendor/NAME. Compressed with gzip; the ETag is the
// content's hash. Without the npm packages there is no dashboard, so it fails and says how to get them.

import { createHash } from 'node:crypto';
import { existsSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { dirname, extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';

const here = dirname(fileURLToPath(import.meta.url));
const TYPES = {
  '.html': 'text/html; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.json': 'application/json',
};

function vendored() {
  const list = join(here, 'vendor.txt');
  if (!existsSync(list)) return [];
  return readFileSync(list, 'utf8')
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    .filter(([name, path]) => name && path && !name.startsWith('#'))
    .map(([name, path]) => [`/vendor/${name}`, join(here, 'node_modules', path)]);
}

const files = [
  ...readdirSync(here)
    .filter((name) => ['.html', '.css', '.js', '.svg'].includes(extname(name)))
    .sort()
    .map((name) => [name === 'index.html' ? '/' : `/${name}`, join(here, name)]),
  ['/api/v1/openapi.json', join(here, 'openapi.json')],
  ...vendored(),
];

const rows = [];
const arrays = [];
for (const [path, file] of files) {
  if (!existsSync(file)) {
    console.error(`embed: ${file} is missing; run deploy/install build`);
    process.exit(1);
  }
  const content = readFileSync(file);
  const packed = gzipSync(content, { level: 9 });
  const etag = createHash('sha256').update(content).digest('hex').slice(0, 16);
  const bytes = [...packed].join(',').replace(/(.{90,96}),/g, '$1,\n');
  arrays.push(`static const unsigned char ASSET_${rows.length}[] = {\n${bytes}};`);
  rows.push(
    `    {"${path}", "${TYPES[extname(file)]}", "\\"${etag}\\"", ASSET_${rows.length}, ` +
      `sizeof(ASSET_${rows.length}), ${content.length}},`
  );
}

writeFileSync(
  process.argv[2],
  `/* Made by web/embed.mjs. */\n${arrays.join('\n')}\n` +
    `static const struct web_asset ASSETS[] = {\n${rows.join('\n')}\n};\n`
);
