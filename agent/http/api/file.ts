import { z } from 'zod';
import { FILE_LIMITS } from '../../contract.ts';
import { component, type Sent } from './component.ts';

const facts = {
  bytes: z.int(),
  sha256: z.string().describe('In hex.'),
  type: z.string().describe('The media type.'),
};
const name = z.string().describe('The name of the file, without a folder.');

/** A file that a run left. */
export const runFile = component('RunFile', z.object({ name, ...facts }));

/** A file that a run was given. */
export const inputFile = component(
  'InputFile',
  z.object({ name, ...facts, inline: z.boolean().describe('Whether it was a part of the prompt.') }),
);

/** The answer to an upload. */
export const uploadedFile = component(
  'UploadedFile',
  z.object({
    fileId: z.uuid().describe('For `files` of a run, for 24 hours.'),
    name,
    ...facts,
  }),
);

/** The query of an upload. */
export const uploadQuery = z.object({
  name: z
    .string()
    .describe('The name of the file. Not needed with a `filename` in the header `Content-Disposition`.')
    .optional(),
});

/** An entry of `files` in the request of a run. */
const requestFile = z.object({
  name: z.string().describe('The name in the folder of the run. Default: that of the upload.').optional(),
  fileId: z.uuid().describe('An upload of the last 24 hours.').optional(),
  base64: z.string().describe('The content. Use an upload for more than a few hundred kilobytes.').optional(),
  inline: z
    .boolean()
    .describe(
      `Whether Claude sees it as a part of the prompt, besides finding it in the folder: for PNG, JPEG, GIF and WebP images, and PDFs of at most ${FILE_LIMITS.inlinePdfBytes} bytes a run.`,
    )
    .optional(),
  bytes: z.int().describe('If given, it must be the size of the content.').optional(),
  sha256: z.string().describe('If given, it must be the SHA-256 of the content, in hex.').optional(),
  type: z.string().describe('The media type. Default: that of the upload, or what the name suggests.').optional(),
});

/** The names of the fields of an entry. */
export const REQUEST_FILE_FIELDS = Object.keys(requestFile.shape);

/** What `files` of a run must be. */
export const FILES = `at most ${FILE_LIMITS.files} files, such as {"name": "report.pdf", "fileId": "…"}`;

/** The files of a run; `request/request-files.ts` checks them. */
export const requestFiles = z
  .array(requestFile, FILES)
  .max(FILE_LIMITS.files, FILES)
  .meta({
    description:
      'Files for the run, in the folder that `CLAUDE_RUN_IN` names. Each has a `fileId` of `PUT /files`, or its content in `base64`; in `multipart/form-data`, also neither, for the part of that name.',
    examples: [[{ name: 'report.pdf', fileId: '5b2f7c1e-9d40-4f0a-8a53-0f1c6f2f1d11' }]],
  });

export type UploadedFile = Sent<typeof uploadedFile>;
