import leven from 'leven';

/**
 * The known word that somebody probably meant: the one with the smallest edit distance, which may be at most a third of its
 * length, or one with the same letters in another order. Case is ignored.
 * @returns undefined if none is similar.
 */
export function nearest(word: string, known: Iterable<string>): string | undefined {
  const given = word.toLowerCase();
  const near = [...known].flatMap((name) => {
    const wanted = name.toLowerCase();
    const distance = leven(given, wanted);
    const isNear = distance <= Math.max(1, Math.floor(name.length / 3)) || lettersOf(given) === lettersOf(wanted);
    return isNear ? [{ name, distance }] : [];
  });
  return near.sort((a, b) => a.distance - b.distance)[0]?.name;
}

const lettersOf = (word: string): string => Array.from(word).sort().join('');
