// Compiles standard JSON from stdin with npm's solc, as `solc --standard-json` does.
const fs = require('fs');
const solc = require('solc');

// stdout may be a pipe that is full: write until all is out.
function put(text) {
  const bytes = Buffer.from(text);
  for (let done = 0; done < bytes.length; ) {
    try {
      done += fs.writeSync(1, bytes, done);
    } catch (error) {
      if (error.code !== 'EAGAIN') throw error;
    }
  }
}

if (process.argv.includes('--standard-json')) {
  put(solc.compile(fs.readFileSync(0, 'utf8')));
} else {
  console.error('solc.cjs: only --version and --standard-json');
  process.exit(2);
}
