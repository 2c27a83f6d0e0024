import { z } from 'zod';
import { uploadedFile, uploadQuery } from './file.ts';
import type { Operation } from './operation.ts';

const content = z.string().meta({ format: 'binary' });

/** The operations on files. */
export const FILE_OPERATIONS = {
  uploadFile: {
    method: 'PUT',
    path: '/files',
    rights: ['run'],
    summary: 'Upload a file for runs',
    description:
      'The body is the content. The media type is `Content-Type`, unless it is missing or `application/octet-stream`; then the name decides. Any number of runs can use the file for 24 hours. After that, it stays as long as the record of a run that has it.',
    query: uploadQuery,
    headers: {
      'Content-Disposition': {
        description: 'The name of the file, in `filename` or `filename*`, unless the query has it.',
        schema: z.string(),
        example: 'attachment; filename="report.pdf"',
      },
    },
    body: { schema: content, required: true, mediaType: 'application/octet-stream' },
    answers: {
      201: {
        description: 'The file is stored.',
        content: {
          schema: uploadedFile,
          example: {
            fileId: '7d0c2f0e-6a44-4c7e-9a34-6a3fb8a0a2b7',
            name: 'report.pdf',
            bytes: 48_213,
            sha256: '9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08',
            type: 'application/pdf',
          },
        },
      },
    },
    problems: ['invalid-query', 'file-too-large', 'files-full'],
  },
  getRunFile: {
    method: 'GET',
    path: '/runs/{id}/files/{name}',
    rights: ['run', 'read'],
    summary: 'Get a file that a run left',
    description:
      'One of `files` of a run that has ended. Types that a browser would run are sent as `application/octet-stream`.',
    pathParameters: {
      id: {
        description: 'The `id` of a run.',
        schema: z.string(),
        example: '5b2f7c1e-9d40-4f0a-8a53-0f1c6f2f1d11',
      },
      name: { description: 'The `name` of the file.', schema: z.string(), example: 'table.csv' },
    },
    headers: {
      Range: { description: 'One range of bytes.', schema: z.string(), example: 'bytes=0-1023' },
      'If-None-Match': {
        description: 'An `ETag` that the client has.',
        schema: z.string(),
        example: '"9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"',
      },
    },
    answers: {
      200: {
        description: 'The content.',
        headers: { 'Content-Disposition': 'The name of the file.', ETag: 'The SHA-256 of the content.' },
        content: { mediaType: '*/*', schema: content },
      },
      206: {
        description: 'The range of the content.',
        headers: { 'Content-Range': 'Which bytes these are.', ETag: 'The SHA-256 of the whole content.' },
        content: { mediaType: '*/*', schema: content },
      },
      304: { description: 'The client has the content already.' },
    },
    problems: ['no-such-run', 'no-such-file', 'range-not-satisfiable'],
  },
} as const satisfies Record<string, Operation>;
