// Starts a real server on free ports over a directory that the caller owns.
import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

const START_TIMEOUT_MS = 30_000;

export async function temporaryDirectory() {
  const path = await mkdtemp(join(tmpdir(), 'pemba-sdk-'));
  return { path, remove: () => rm(path, { recursive: true, force: true }) };
}

// Resolves to {http, grpc, log, stop} once both listeners are bound. log() is standard error so far.
export function startServer(dataDirectory, moreArguments = []) {
  const binary = process.env.TEST_PEMBA;
  if (!binary) throw new Error('TEST_PEMBA must name the pemba program');
  const child = spawn(
    binary,
    ['serve', '--data-dir', dataDirectory, '--http-addr', '127.0.0.1:0', '--grpc-addr', '127.0.0.1:0',
      '--metrics-addr', '127.0.0.1:0'].concat(moreArguments),
    { stdio: ['ignore', 'pipe', 'pipe'] },
  );
  const exited = new Promise((resolve) => child.once('exit', resolve));
  let log = '';
  child.stderr.on('data', (bytes) => (log += bytes));
  const stop = async () => {
    child.kill('SIGTERM');
    return exited;
  };
  return new Promise((resolve, reject) => {
    const fail = (why) => {
      child.kill('SIGKILL');
      reject(new Error(`the server did not start (${why}): ${log}`));
    };
    const timer = setTimeout(fail, START_TIMEOUT_MS, 'time-out');
    exited.then((code) => fail(`exit ${code}`));
    const bound = {};
    createInterface({ input: child.stdout }).on('line', (line) => {
      const match = /^(http|grpc) listening on (\S+)$/.exec(line);
      if (match) bound[match[1]] = match[2];
      if (!bound.http || !bound.grpc) return;
      clearTimeout(timer);
      resolve({ http: `http://${bound.http}`, grpc: bound.grpc, log: () => log, stop });
    });
  });
}
