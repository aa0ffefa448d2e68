/**
 * SASLprep (RFC 4013), the stringprep profile for user names and passwords, for strings that are looked up rather than stored: code
 * points that Unicode 3.2 did not know are let through.
 *
 * The steps, in order: map spaces to one kind and drop what has no shape; normalise (NFKC); refuse controls, private use, surrogates and
 * the like; refuse a mix of directions. The tables are those of RFC 3454 by their letters, but for D.2 (left to right), which is taken
 * to be every letter that is not in D.1.
 */
import { InvalidCredentialsError } from "./errors.ts";

/** C.1.2: spaces that are not ASCII. */
const OTHER_SPACES = /[\u00a0\u1680\u2000-\u200b\u202f\u205f\u3000]/gu;

/** B.1: commonly mapped to nothing. */
const NOTHING =
  /\u00ad|\u034f|\u1806|[\u180b-\u180d]|\u200c|\u200d|\u2060|[\ufe00-\ufe0f]|\ufeff/gu;

/** C.2.1, C.2.2 and C.3 to C.9. */
const PROHIBITED = new RegExp(
  [
    "[\\u{0}-\\u{1f}\\u{7f}-\\u{9f}\\u{6dd}\\u{70f}\\u{180e}\\u{200c}\\u{200d}\\u{2028}\\u{2029}]",
    "[\\u{2060}-\\u{2063}\\u{206a}-\\u{206f}\\u{feff}\\u{fff9}-\\u{fffd}\\u{1d173}-\\u{1d17a}]",
    "\\p{Co}|\\p{Cs}|\\p{Noncharacter_Code_Point}",
    "[\\u{2ff0}-\\u{2ffb}\\u{340}\\u{341}\\u{200e}\\u{200f}\\u{202a}-\\u{202e}]",
    "[\\u{e0001}\\u{e0020}-\\u{e007f}]",
  ].join("|"),
  "u",
);

/** D.1: right to left. */
const RIGHT_TO_LEFT = new RegExp(
  `[${[
    "\\u05be\\u05c0\\u05c3\\u05d0-\\u05ea\\u05f0-\\u05f4\\u061b\\u061f\\u0621-\\u063a\\u0640-\\u064a",
    "\\u066d-\\u066f\\u0671-\\u06d5\\u06dd\\u06e5\\u06e6\\u06fa-\\u06fe\\u0700-\\u070d\\u0710",
    "\\u0712-\\u072c\\u0780-\\u07a5\\u07b1\\u200f\\ufb1d\\ufb1f-\\ufb28\\ufb2a-\\ufb36\\ufb38-\\ufb3c",
    "\\ufb3e\\ufb40\\ufb41\\ufb43\\ufb44\\ufb46-\\ufbb1\\ufbd3-\\ufd3d\\ufd50-\\ufd8f\\ufd92-\\ufdc7",
    "\\ufdf0-\\ufdfc\\ufe70-\\ufe74\\ufe76-\\ufefc",
  ].join("")}]`,
  "u",
);
const LETTER = /\p{L}/u;

/** The prepared form of `text`. @throws {InvalidCredentialsError} for text that may not be used; it is not repeated in the message */
export function saslPrep(text: string): string {
  const prepared = text.replace(OTHER_SPACES, " ").replace(NOTHING, "").normalize("NFKC");
  if (PROHIBITED.test(prepared)) {
    throw new InvalidCredentialsError("a character that SASLprep prohibits");
  }
  const characters = [...prepared];
  if (characters.some((character) => RIGHT_TO_LEFT.test(character))) {
    const ends = [characters[0]!, characters.at(-1)!];
    const isMixed = characters.some(
      (character) => LETTER.test(character) && !RIGHT_TO_LEFT.test(character),
    );
    if (isMixed || !ends.every((character) => RIGHT_TO_LEFT.test(character))) {
      throw new InvalidCredentialsError("a mix of writing directions that SASLprep prohibits");
    }
  }
  return prepared;
}
