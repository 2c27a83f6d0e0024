import leven from 'leven';

/**
 * The word that somebody may have meant: the one that the fewest changed, missing or extra letters lead to, in a third of its
 * length at most, or that has the same letters in another order. Case counts for nothing.
 * @returns undefined where none is near.
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
