/**
 * Checks inputs against the types of `@pulumi/azure-native`, which come from Azure's own API descriptions: what is
 * required, what is unknown, which values an enumeration has.
 * @module
 */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import * as path from 'node:path';

import ts from 'typescript';

/** Pulumi's placeholder for a value that is unknown in a preview. */
export const UNKNOWN = '04da6b54-80e4-46f7-96ec-b56ff0331ba9';

const require = createRequire(import.meta.url);
const sdk = path.dirname(require.resolve('@pulumi/azure-native/package.json'));
const interfaces = new Map<string, ts.InterfaceDeclaration>();

/** Errors in the inputs of a resource (`module:Type`) or of a function (`module:function`). */
export function mistakesAgainstSchema(token: string, inputs: Record<string, unknown>): string[] {
  const [module = '', type = ''] = token.split(':').slice(1);
  const file = path.join(sdk, module, `${type.charAt(0).toLowerCase()}${type.slice(1)}.d.ts`);
  const name = `${type.charAt(0).toUpperCase()}${type.slice(1)}Args`;
  return ofInterface(
    interfaceIn(file, name, () => readFileSync(file, 'utf8')),
    inputs,
    '',
  );
}

function interfaceIn(file: string, name: string, source: () => string): ts.InterfaceDeclaration {
  const key = `${file}#${name}`;
  if (!interfaces.has(key)) {
    const visit = (node: ts.Node): void => {
      if (ts.isInterfaceDeclaration(node)) interfaces.set(`${file}#${node.name.text}`, node);
      ts.forEachChild(node, visit);
    };
    visit(ts.createSourceFile(file, source(), ts.ScriptTarget.Latest, false));
  }
  const found = interfaces.get(key);
  if (found === undefined) throw new Error(`${name} is not in ${file}`);
  return found;
}

/** The part of the SDK's nested types that belongs to one module; all of it would take seconds to parse. */
function namespaceOf(module: string): string {
  const all = readFileSync(path.join(sdk, 'types', 'input.d.ts'), 'utf8');
  const start = all.indexOf(`export declare namespace ${module} {`);
  const end = all.indexOf('\nexport declare namespace ', start + 1);
  return all.slice(start, end < 0 ? undefined : end);
}

function ofInterface(declaration: ts.InterfaceDeclaration, value: Record<string, unknown>, at: string): string[] {
  const known = new Map(
    declaration.members
      .filter(ts.isPropertySignature)
      .map((member) => [(member.name as ts.Identifier).text, member] as const),
  );
  const unknown = Object.keys(value).filter((key) => !known.has(key) && !key.startsWith('__'));
  return [
    ...unknown.map((key) => `${at}${key} is no property of ${declaration.name.text}`),
    ...[...known].flatMap(([key, { type, questionToken }]) => {
      if (value[key] !== undefined) return type === undefined ? [] : ofType(type, value[key], `${at}${key}`);
      return questionToken === undefined ? [`${at}${key} is required`] : [];
    }),
  ];
}

function ofType(type: ts.TypeNode, value: unknown, at: string): string[] {
  if (value === UNKNOWN) return [];
  if (ts.isTypeReferenceNode(type)) return ofReference(type, value, at);
  if (ts.isUnionTypeNode(type)) return ofUnion(type, value, at);
  if (ts.isArrayTypeNode(type)) {
    if (!Array.isArray(value)) return [`${at} is no list`];
    return value.flatMap((item, index) => ofType(type.elementType, item, `${at}[${index}]`));
  }
  if (ts.isTypeLiteralNode(type)) return ofMap(type, value, at);
  if (ts.isParenthesizedTypeNode(type)) return ofType(type.type, value, at);
  const expected = KEYWORDS.get(type.kind);
  return expected === undefined || typeof value === expected ? [] : [`${at} is no ${expected}`];
}

const KEYWORDS = new Map<ts.SyntaxKind, string>([
  [ts.SyntaxKind.StringKeyword, 'string'],
  [ts.SyntaxKind.NumberKeyword, 'number'],
  [ts.SyntaxKind.BooleanKeyword, 'boolean'],
]);

function ofReference(type: ts.TypeReferenceNode, value: unknown, at: string): string[] {
  const [root = '', module = '', name = ''] = nameOf(type.typeName);
  if (root === 'pulumi') return type.typeArguments?.[0] === undefined ? [] : ofType(type.typeArguments[0], value, at);
  if (root === 'enums') {
    // An API that only lists known values accepts others.
    if (name.startsWith('Known')) return typeof value === 'string' ? [] : [`${at} is no string`];
    const all = require(path.join(sdk, 'types', 'enums', module)) as Record<string, Record<string, unknown>>;
    const allowed = Object.values(all[name] ?? {});
    return allowed.includes(value) ? [] : [`${at} is ${JSON.stringify(value)}, none of ${allowed.join(', ')}`];
  }
  if (typeof value !== 'object' || value === null) return [`${at} is no object`];
  const nested = interfaceIn(`inputs.${module}`, name, () => namespaceOf(module));
  return ofInterface(nested, value as Record<string, unknown>, `${at}.`);
}

/** The SDK accepts any string besides the values of an enumeration, to allow newer ones; Azure does not. */
function ofUnion({ types }: ts.UnionTypeNode, value: unknown, at: string): string[] {
  const real = types.filter(({ kind }) => kind !== ts.SyntaxKind.UndefinedKeyword);
  const enums = real.filter((type) => ts.isTypeReferenceNode(type) && nameOf(type.typeName)[0] === 'enums');
  const results = (enums.length > 0 ? enums : real).map((type) => ofType(type, value, at));
  return results.find((mistakes) => mistakes.length === 0) ?? results[0] ?? [];
}

function ofMap(type: ts.TypeLiteralNode, value: unknown, at: string): string[] {
  if (typeof value !== 'object' || value === null) return [`${at} is no object`];
  const item = type.members.find(ts.isIndexSignatureDeclaration)?.type;
  if (item === undefined) return [];
  return Object.entries(value).flatMap(([key, entry]) => ofType(item, entry, `${at}.${key}`));
}

function nameOf(name: ts.EntityName): string[] {
  return ts.isIdentifier(name) ? [name.text] : [...nameOf(name.left), name.right.text];
}
