export const createDevelopLink = () => ({ tell() {}, close() {} });
