import { getCACertificates, setDefaultCACertificates } from 'node:tls';

/** Makes this process trust a certificate, `fetch` included, until it is disposed of. @param pem that of an authority, or one that is signed by itself. */
export function trust(pem: string): Disposable {
  const before = getCACertificates('default');
  setDefaultCACertificates([...before, pem]);
  return { [Symbol.dispose]: () => setDefaultCACertificates(before) };
}
