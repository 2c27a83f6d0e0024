/**
 * Requests `/health` at a steady pace from a thread of its own, without waiting for earlier responses, so that a server
 * that stalls is measured while it stalls. Each request opens a new connection, as a kubelet does. Posts the responses
 * when it receives a message.
 * @module
 */
import { get } from 'node:http';
import { parentPort, workerData } from 'node:worker_threads';
import type { HealthResponse } from './health-probe.ts';

const EVERY_MS = 10;

const { url } = workerData as { url: string };
const responses: HealthResponse[] = [];
const pending = new Set<Promise<void>>();

const now = () => performance.timeOrigin + performance.now();

function request(): Promise<void> {
  const at = now();
  return new Promise((resolve, reject) => {
    get(`${url}/health`, { agent: false }, (response) => {
      response.resume().once('end', () => {
        responses.push({ at, ms: now() - at });
        if (response.statusCode === 200) resolve();
        else reject(new Error(`/health returned the status ${response.statusCode ?? 'undefined'}.`));
      });
    }).once('error', reject);
  });
}

const timer = setInterval(() => {
  const sent = request();
  pending.add(sent);
  void sent.finally(() => pending.delete(sent));
}, EVERY_MS);

parentPort?.once('message', () => {
  clearInterval(timer);
  void Promise.all(pending).then(() => parentPort?.postMessage(responses));
});
parentPort?.postMessage('ready');
