/**
 * Asks `/health` at a steady pace from a thread of its own, whether earlier answers have come or not, so that a server
 * that does not answer for a while is asked all the while. Each time it connects anew, as a kubelet does. Posts the
 * answers when it is told to stop.
 * @module
 */
import { get } from 'node:http';
import { parentPort, workerData } from 'node:worker_threads';
import type { HealthAnswer } from './health-probe.ts';

const EVERY_MS = 10;

const { url } = workerData as { url: string };
const answers: HealthAnswer[] = [];
const pending = new Set<Promise<void>>();

const now = () => performance.timeOrigin + performance.now();

function ask(): Promise<void> {
  const at = now();
  return new Promise((resolve, reject) => {
    get(`${url}/health`, { agent: false }, (response) => {
      response.resume().once('end', () => {
        answers.push({ at, ms: now() - at });
        if (response.statusCode === 200) resolve();
        else reject(new Error(`/health answered ${response.statusCode ?? 'nothing'}`));
      });
    }).once('error', reject);
  });
}

const timer = setInterval(() => {
  const asked = ask();
  pending.add(asked);
  void asked.finally(() => pending.delete(asked));
}, EVERY_MS);

parentPort?.once('message', () => {
  clearInterval(timer);
  void Promise.all(pending).then(() => parentPort?.postMessage(answers));
});
parentPort?.postMessage('ready');
