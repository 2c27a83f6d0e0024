type Environment = Readonly<Record<string, string | undefined>>;

/** Proxy variables for an agent of `node:http`. */
type ProxyVariables = Record<'http_proxy' | 'https_proxy' | 'no_proxy', string>;

/**
 * The proxy variables as the CLI understands them, for Node: the CLI uses one proxy for http and https, the first of
 * `https_proxy`, `HTTPS_PROXY`, `http_proxy` and `HTTP_PROXY`; an entry of `NO_PROXY` includes all names below it; spaces
 * separate entries too.
 */
export function proxyEnvironment(environment: Environment): Partial<ProxyVariables> {
  const first = (...names: string[]) => names.map((name) => environment[name]).find(Boolean);
  const proxy = first('https_proxy', 'HTTPS_PROXY', 'http_proxy', 'HTTP_PROXY');
  if (proxy === undefined) return {};
  const direct = first('no_proxy', 'NO_PROXY') ?? '';
  const entries = direct.split(/[\s,]+/).filter(Boolean);
  const noProxy = entries.flatMap((entry) => [entry, `.${entry.replace(/^\.+/, '')}`]).join(',');
  return { http_proxy: proxy, https_proxy: proxy, ...(noProxy !== '' && { no_proxy: noProxy }) };
}
