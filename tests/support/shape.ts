import { join } from 'node:path';
import ts from 'typescript';

const root = join(__dirname, '..', '..');

/** Not looked into: what people write, which is parsed with its defaults, and what only its source reads. */
const OPAQUE = { field: 'spec', type: 'Position' };

/** The fields of types that a file of this project exports, with those of what they hold: a path and a type each. */
export function shapesOf(file: string, names: readonly string[]): Readonly<Record<string, readonly string[]>> {
  const path = join(root, file);
  const program = ts.createProgram([path], {
    strict: true,
    noEmit: true,
    skipLibCheck: true,
    types: [],
    exactOptionalPropertyTypes: true,
  });
  const checker = program.getTypeChecker();
  const source = program.getSourceFile(path);
  const module = source && checker.getSymbolAtLocation(source);
  if (!module) throw new Error(`${file} is no module`);
  const exported = new Map(checker.getExportsOfModule(module).map((symbol) => [symbol.name, symbol]));
  return Object.fromEntries(
    names.map((name) => {
      const symbol = exported.get(name);
      if (symbol === undefined) throw new Error(`${file} exports no ${name}`);
      return [name, [...fieldsOf(checker, checker.getDeclaredTypeOfSymbol(symbol), '')].sort()];
    }),
  );
}

function* fieldsOf(checker: ts.TypeChecker, type: ts.Type, path: string): Generator<string, void> {
  if (!isObject(type) && !(type.isUnion() && type.types.some(isObject))) {
    yield `${path}: ${leaf(checker, type.isUnion() ? type.types : [type])}`;
  } else if (type.isUnion()) {
    const leaves = type.types.filter((each) => !isObject(each) && !isUndefined(each));
    if (leaves.length > 0) yield `${path}: ${leaf(checker, leaves)}`;
    for (const each of type.types.filter(isObject)) yield* fieldsOf(checker, each, path);
  } else if (checker.typeToString(type) === OPAQUE.type) {
    yield `${path}: ${OPAQUE.type}`;
  } else {
    yield* insideOf(checker, type, path);
  }
}

function* insideOf(checker: ts.TypeChecker, type: ts.Type, path: string): Generator<string, void> {
  const item = type.getNumberIndexType();
  if (item !== undefined) {
    yield* fieldsOf(checker, item, `${path}[]`);
    return;
  }
  const value = type.getStringIndexType();
  if (value !== undefined) yield* fieldsOf(checker, value, `${path}{}`);
  for (const field of type.getProperties()) {
    if (field.name === OPAQUE.field) continue;
    const optional = field.flags & ts.SymbolFlags.Optional ? '?' : '';
    yield* fieldsOf(checker, checker.getTypeOfSymbol(field), `${path}.${field.name}${optional}`);
  }
}

const isObject = (type: ts.Type): boolean => (type.flags & (ts.TypeFlags.Object | ts.TypeFlags.Intersection)) !== 0;

const isUndefined = (type: ts.Type): boolean => (type.flags & ts.TypeFlags.Undefined) !== 0;

const leaf = (checker: ts.TypeChecker, types: readonly ts.Type[]): string =>
  types
    .filter((each) => !isUndefined(each))
    .map((each) => checker.typeToString(each))
    .sort()
    .join(' | ');
