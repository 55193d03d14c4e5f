// A job's step that asks its runner for a token, as an action does. The argument is the audience.
import { getIDToken } from '@actions/core';

try {
  console.log(JSON.stringify({ token: await getIDToken(process.argv[2]) }));
} catch (error) {
  console.log(JSON.stringify({ error: error.message }));
}
