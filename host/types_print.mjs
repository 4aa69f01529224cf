// SPDX-License-Identifier: MIT
//
// The types of a file's actions as text: what a caller passes and gets.
//
// Owns how a type looks once it has travelled as JSON: dates are strings, functions are left out,
// and everything is written down in place, since the names of app/server mean nothing in the browser.

import { takesCallback } from './arity.mjs';

const TYPE_DEPTH_MAX = 10; // objects in objects; deeper ones are any
const ACTION_DEPTH_MAX = 32; // objects of actions in each other
const RESERVED = ['session', 'user'];

/**
 * @typedef {import('typescript').Type} Type
 * @typedef {import('typescript').Symbol} Symbol_
 * @typedef {import('typescript').Signature} Signature
 */

/** @param {typeof import('typescript')} ts @param {import('typescript').TypeChecker} checker */
export function createPrinter(ts, checker) {
    const { TypeFlags } = ts;

    /** @param {string} name */
    const key = (name) => (/^[A-Za-z_$][\w$]*$/.test(name) ? name : JSON.stringify(name));

    /** @param {Symbol_} symbol */
    const typeOf = (symbol) => checker.getTypeOfSymbol(symbol);

    /** @param {Type} type @param {Type[]} within @returns {string} */
    function print(type, within = []) {
        if (type.flags & (TypeFlags.Any | TypeFlags.Unknown)) {
            return 'any';
        }
        if (type.flags & TypeFlags.BigIntLike) {
            return 'number';
        }
        if (type.isLiteral() || type.flags & TypeFlags.EnumLiteral && !type.isUnion()) {
            return JSON.stringify(/** @type {any} */ (type).value ?? null);
        }
        if (type.flags & TypeFlags.Void) {
            return 'undefined';
        }
        if (type.flags & (TypeFlags.StringLike | TypeFlags.NumberLike | TypeFlags.BooleanLike | TypeFlags.Null | TypeFlags.Undefined | TypeFlags.Never)) {
            return checker.typeToString(type);
        }
        if (type.isUnion()) {
            return [...new Set(type.types.map((one) => print(one, within)))].join(' | ');
        }
        if (type.flags & TypeFlags.TypeParameter) {
            return 'any';
        }
        return within.includes(type) || within.length === TYPE_DEPTH_MAX ? 'any' : printObject(type, [...within, type]);
    }

    /** @param {Type} type @param {Type[]} within */
    function printObject(type, within) {
        const args = checker.isArrayType(type) || checker.isTupleType(type)
            ? checker.getTypeArguments(/** @type {import('typescript').TypeReference} */ (type)) : [];
        if (checker.isArrayType(type)) {
            const item = print(args[0], within);
            return /[|&]/.test(item) ? `(${item})[]` : `${item}[]`;
        }
        if (checker.isTupleType(type)) {
            return `[${args.map((one) => print(one, within)).join(', ')}]`;
        }
        const json = type.getProperty('toJSON') && typeOf(/** @type {Symbol_} */ (type.getProperty('toJSON'))).getCallSignatures()[0];
        if (json) {
            return print(json.getReturnType(), within);
        }
        const index = checker.getIndexInfosOfType(type).map((info) => `[key: string]: ${print(info.type, within)}`);
        const members = type.getProperties()
            .filter((one) => !typeOf(one).getCallSignatures().length && !one.name.startsWith('__@'))
            .map((one) => {
                const optional = one.flags & ts.SymbolFlags.Optional ? '?' : '';
                return `${key(one.name)}${optional}: ${print(typeOf(one), within)}`;
            });
        const all = [...index, ...members];
        return all.length ? `{ ${all.join('; ')} }` : '{}';
    }

    /** @param {Symbol_} parameter */
    function parameterOf(parameter) {
        const declaration = /** @type {import('typescript').ParameterDeclaration} */ (parameter.valueDeclaration);
        const type = typeOf(parameter);
        const rest = Boolean(declaration?.dotDotDotToken);
        const untyped = Boolean(type.flags & TypeFlags.Any);
        // `x?: T` is no more in JavaScript: the action wants its argument, and that may be undefined.
        const optional = !rest && (untyped || Boolean(declaration?.initializer));
        return { name: parameter.name.replace(/^\W.*|^__.*/, 'value'), type, rest, untyped, optional };
    }

    /** The type that a parameter which is a callback is called with. @param {Type} type */
    function callbackOf(type) {
        return checker.getNonNullableType(type).getCallSignatures()[0];
    }

    /** @param {Signature} signature @returns {string} */
    function printAction(signature) {
        const parameters = signature.getParameters().map(parameterOf);
        const declaration = signature.getDeclaration();
        const isAsync = Boolean(ts.getCombinedModifierFlags(declaration) & ts.ModifierFlags.Async);
        const last = parameters[parameters.length - 1];
        let result = print(checker.getAwaitedType(signature.getReturnType()) ?? signature.getReturnType());
        const callback = last && callbackOf(last.type);
        if (callback) {
            const [first] = callback.getParameters();
            result = first ? print(typeOf(first)) : 'undefined';
            parameters.pop();
        } else if (last?.untyped && !isAsync && !last.rest && takesCallback(declaration.getText())) {
            result = 'any';
            parameters.pop();
        } else if (result === 'undefined' && !isAsync) {
            result = 'any'; // it may have answered by other means
        }
        // None that must be there may follow one that need not.
        const needed = parameters.map(({ optional, rest }) => !optional && !rest).lastIndexOf(true);
        const texts = parameters.map(({ name, type, rest, optional }, i) => {
            const text = print(optional ? checker.getNonNullableType(type) : type);
            return rest ? `...${name}: ${/\[\]$/.test(text) ? text : 'any[]'}` : `${name}${optional && i > needed ? '?' : ''}: ${text}`;
        });
        return `SocketStream.Call<[${texts.join(', ')}], ${result}>`;
    }

    /** @param {Type} type @param {string} prefix @param {number} depth @returns {[string, string][]} */
    function visit(type, prefix, depth) {
        return type.getProperties().flatMap((symbol) => {
            const name = prefix + symbol.name;
            const member = typeOf(symbol);
            const [signature] = member.getCallSignatures();
            if (signature) {
                return RESERVED.includes(name) ? [] : [/** @type {[string, string]} */ ([name, printAction(signature)])];
            }
            const isObject = member.flags & TypeFlags.Object && !checker.isArrayType(member);
            return isObject && depth < ACTION_DEPTH_MAX ? visit(member, `${name}.`, depth + 1) : [];
        });
    }

    return {
        /** @param {import('typescript').SourceFile} source @returns {[string, string][]} names and types */
        actions(source) {
            const module = checker.getSymbolAtLocation(source);
            const exported = module ? checker.getExportsOfModule(module) : [];
            const find = (/** @type {string} */ name) => exported.find((one) => one.name === name);
            const direct = find('actions');
            const wrapped = find('default') ?? find('export=');
            const actions = direct ?? (wrapped && typeOf(wrapped).getProperty('actions'));
            return actions ? visit(typeOf(actions), '', 0) : [];
        },
    };
}
