/** Whether a Content-Range says that the object is not as long as it was listed. What does not say how long it is says nothing. */
export function isOfAnotherSize(contentRange: string | undefined, sizeBytes: number): boolean {
  const said = /^bytes \d+-\d+\/(\d+)$/.exec(contentRange ?? '')?.[1];
  return said !== undefined && Number(said) !== sizeBytes;
}
