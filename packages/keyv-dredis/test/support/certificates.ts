import { generateKeyPairSync } from 'node:crypto';
import forge from 'node-forge';

/** A certificate and its private key, as PEM. */
export interface Certificate {
  readonly cert: string;
  readonly key: string;
}

export interface CertificateOptions {
  /** Host names and IP addresses. @default localhost, 127.0.0.1 */
  readonly hosts?: readonly string[];
  /** Days until the certificate expires; a negative number makes an expired certificate. @default 1 */
  readonly days?: number;
  /** Encrypts the private key. @default not encrypted */
  readonly passphrase?: string;
}

const DAY_MS = 86_400_000;
const IP = 7;
const DNS = 2;

/** A certificate authority for one test file. */
export class Authority implements Certificate {
  readonly cert: string;
  readonly key: string;
  readonly #name: string;
  #serial = 1;

  constructor(name: string) {
    this.#name = name;
    const { publicKey, privateKey } = generateKeys();
    this.key = privateKey;
    const extensions = [
      { name: 'basicConstraints', cA: true, critical: true },
      { name: 'keyUsage', keyCertSign: true, critical: true },
    ];
    this.cert = this.#sign(name, publicKey, 1, extensions);
  }

  /** Issues a certificate for a server or a client. */
  issue(name: string, options: CertificateOptions = {}): Certificate {
    const { hosts = ['localhost', '127.0.0.1'], days = 1, passphrase } = options;
    const { publicKey, privateKey } = generateKeys(passphrase);
    const altNames = hosts.map((host) =>
      /^[\d.]+$/.test(host) ? { type: IP, ip: host } : { type: DNS, value: host },
    );
    const extensions = [
      { name: 'extKeyUsage', serverAuth: true, clientAuth: true },
      { name: 'subjectAltName', altNames },
    ];
    return { cert: this.#sign(name, publicKey, days, extensions), key: privateKey };
  }

  #sign(subject: string, publicKey: string, days: number, extensions: object[]): string {
    const cert = forge.pki.createCertificate();
    cert.publicKey = forge.pki.publicKeyFromPem(publicKey);
    cert.serialNumber = String(this.#serial++).padStart(2, '0');
    cert.validity.notBefore = new Date(Date.now() + (Math.min(days, 0) - 1) * DAY_MS);
    cert.validity.notAfter = new Date(Date.now() + days * DAY_MS);
    cert.setSubject([{ name: 'commonName', value: subject }]);
    cert.setIssuer([{ name: 'commonName', value: this.#name }]);
    cert.setExtensions(extensions);
    cert.sign(forge.pki.privateKeyFromPem(this.key), forge.md.sha256.create());
    return forge.pki.certificateToPem(cert);
  }
}

function generateKeys(passphrase?: string): { publicKey: string; privateKey: string } {
  const encryption = passphrase === undefined ? {} : { cipher: 'aes-256-cbc', passphrase };
  return generateKeyPairSync('rsa', {
    modulusLength: 2048,
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem', ...encryption },
  });
}
