import { expect, it } from 'vitest';
import { LoginModel } from '../../../agent/claude/login-model.ts';
import { keepingLog } from '../../support/gateway.ts';

/** A model whose question the test answers. */
function asked() {
  const questions: PromiseWithResolvers<string>[] = [];
  const lines: string[] = [];
  const state = { version: 'a', told: 0 };
  const model = new LoginModel({
    ask() {
      const question = Promise.withResolvers<string>();
      questions.push(question);
      return question.promise;
    },
    version: () => state.version,
    onAsked: () => (state.told += 1),
    log: keepingLog(lines),
  });
  return { model, questions, lines, state };
}

it('asks once for all who wait, and again when the login has changed', async () => {
  const { model, questions, state } = asked();
  expect(model.isKnown).toBe(false);
  const waiting = [model.known(), model.known()];
  // The CLI renews the login before it answers.
  state.version = 'renewed by the question';
  questions[0]?.resolve('opus');
  await Promise.all(waiting);
  expect({ known: model.isKnown, current: model.current, told: state.told }).toEqual({
    known: true,
    current: 'opus',
    told: 1,
  });
  state.version = 'b';
  expect({ known: model.isKnown, current: model.current }).toEqual({ known: false, current: 'opus' });
  questions[1]?.resolve('sonnet');
  await model.known();
  expect({ known: model.isKnown, current: model.current, asked: questions.length }).toEqual({
    known: true,
    current: 'sonnet',
    asked: 2,
  });
});

it('lets runs go on without a model, or with the last one, when the CLI names none', async () => {
  const { model, questions, lines, state } = asked();
  const waiting = model.known();
  questions[0]?.reject(new Error('claude named no model'));
  await waiting;
  expect({ known: model.isKnown, current: model.current, told: state.told }).toEqual({
    known: true,
    current: undefined,
    told: 1,
  });
  expect(lines.join()).toContain('claude named no model');
  await model.known();
  expect(questions).toHaveLength(1);
});
