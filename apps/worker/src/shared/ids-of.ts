/** The log fields that name an assistant, and the rotation if there is one. */
export const idsOf = ({
  rotationId,
  orgId,
  assistantId,
}: {
  rotationId?: string;
  orgId: string;
  assistantId: string;
}) => ({
  ...(rotationId !== undefined && { rotation_id: rotationId }),
  org_id: orgId,
  assistant_id: assistantId,
});
