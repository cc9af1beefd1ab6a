/** Texts of the shell and of components. */
import connect from './en/connect.js';
import dashboard from './en/dashboard.js';
import keys from './en/keys.js';
import models from './en/models.js';
import playground from './en/playground.js';
import providers from './en/providers.js';
import requests from './en/requests.js';
import routes from './en/routes.js';
import settings from './en/settings.js';

export default {
  ...connect, ...dashboard, ...keys, ...models, ...playground, ...providers, ...requests, ...routes, ...settings,
  'nav.label': 'Pages', 'nav.open': 'Show navigation', 'nav.skip': 'Skip to content', 'nav.docs': 'API reference',
  'nav.dashboard': 'Dashboard', 'nav.providers': 'Providers', 'nav.models': 'Models', 'nav.routes': 'Routes', 'nav.keys': 'Keys & tenants',
  'nav.requests': 'Requests', 'nav.playground': 'Playground', 'nav.connect': 'Connect', 'nav.settings': 'Settings', 'nav.styleguide': 'Style guide',
  'header.language': 'Language', 'header.theme': 'Theme', 'header.account': 'Account', 'header.password': 'Change password', 'header.signout': 'Sign out',
  'theme.auto': 'As the system', 'theme.light': 'Light', 'theme.dark': 'Dark',
  'role.admin': 'Admin', 'role.viewer': 'View only',
  'live.on': 'Live', 'live.connecting': 'Connecting', 'live.off': 'Offline',
  'live.on.how': 'Connected: figures update every second', 'live.connecting.how': 'The connection was lost; it is tried again', 'live.lost': 'No connection since {time}; the figures are of then.', 'live.off.how': 'Not connected: figures stand still',
  'signin.title': 'Sign in to Tidegate', 'signin.lead': 'The gateway’s console', 'signin.account': 'Account', 'signin.password': 'Password', 'signin.go': 'Sign in',
  'signin.wrong': 'The account or the password is wrong.', 'signin.wait.title': 'Too many attempts', 'signin.wait': 'Try again in {time}.',
  'signin.first': 'First start?', 'signin.first.text': 'The gateway made the account {user} with a random password and showed it once, where it was started: look at its first lines.',
  'signin.first.env': 'Or set {variable} in its environment or .env file: it becomes the password within seconds, without a restart.',
  'signin.again': 'Your session has ended', 'signin.again.text': 'Sign in to go on where you were; nothing is lost.', 'signin.other': 'Use another account',
  'do.cancel': 'Cancel', 'do.close': 'Close', 'do.save': 'Save', 'do.delete': 'Delete', 'do.edit': 'Edit', 'do.add': 'Add', 'do.remove': 'Remove', 'do.clear': 'Clear',
  'do.retry': 'Try again', 'do.undo': 'Undo', 'do.dismiss': 'Dismiss', 'do.done': 'Done', 'do.create': 'Create', 
  'do.more': 'More actions', 'do.reset': 'Reset', 'do.enable': 'Enable', 'do.disable': 'Disable', 
  'field.optional': 'optional', 'field.show': 'Show', 'field.hide': 'Hide',
  'combobox.none': 'Nothing found', 'combobox.free': 'Press Enter to use what you typed', 'combobox.more': '{n, plural, one {# more} other {# more}}: type to narrow down',
  'tags.added': 'Added: {name}', 'tags.removed': 'Removed: {name}', 'tags.remove': 'Remove {name}',
  'confirm.type': 'Type {name} to confirm',
  'diff.field': 'Field', 'diff.before': 'Before', 'diff.after': 'After', 'diff.value': 'value',
  'conflict.differs': 'What yours changes of theirs', 'conflict.same': 'What it says now is the same as yours.', 'conflict.gone': 'Somebody else has deleted {name} since you opened it.',
  'conflict.title': 'Changed meanwhile', 'conflict.text': 'Somebody else has changed {name} since you opened it.', 'conflict.theirs': 'Show their version', 'conflict.mine': 'Keep mine',
  'reason.asked': 'Asked', 'reason.not_reached': 'Not its turn', 'reason.cooling': 'Cooling after a failure', 'reason.open': 'Circuit open after failures in a row', 'reason.probing': 'On trial: another request finds out', 'reason.keys': 'All its keys are cooling', 'reason.limited': 'All its keys wait for a rate limit',
  'reason.quota': 'Its quota leaves nothing for this request', 'reason.spent': 'Given up by this request', 'reason.crowded': 'The conversation’s own, but over its share of the load', 'reason.disabled': 'Switched off', 'reason.format': 'Speaks no format that this can be said in', 'reason.streaming': 'Takes no streams',
  'reason.non_streaming': 'Takes streams only', 'reason.tools': 'Takes no tools', 'reason.images': 'Takes no images', 'reason.prefill': 'Does not go on with a begun answer', 'reason.context': 'Its context is too small', 'reason.credential': 'The caller’s credential went to another provider', 'reason.whole_quota': 'Its whole quota is too small',
  'reason.incapable': 'Not able to',
  'reason.unresolved': 'Its name has no address.', 'reason.unconnected': 'Nobody takes the connection at this address.', 'reason.tls': 'No secure connection can be made: is its certificate valid?', 'reason.timeout': 'It did not answer in time.', 'reason.broken': 'It ended the connection without a proper answer.', 'reason.key_refused': 'The vendor refuses this key.',
  'reason.unpaid': 'The vendor wants the account of this key to be paid.', 'reason.no_list_there': 'There is no list of models at this address (404). Is the address right?', 'reason.not_a_list': 'What answers there is no list of models. Is the address right?', 'reason.unknown_model': 'There is no such model.', 'reason.rate_limited': 'The vendor limits how often it may be asked.', 'reason.overloaded': 'The vendor is overloaded.', 'reason.vendor_error': 'The vendor answers with an error.',
  'refusal.no_key': 'no client key was sent', 'refusal.unknown_key': 'the client key is not known', 'refusal.expired_key': 'the client key has expired', 'refusal.disabled_key': 'the client key is disabled', 'refusal.disabled_tenant': 'the tenant is disabled', 'refusal.loopback_only': 'without client keys only callers on the gateway’s machine are served',
  'refusal.database_unread': 'the database was not read yet', 'refusal.model_not_allowed': 'the client key may not use this model', 'refusal.limit_exceeded': 'a limit is reached', 'refusal.no_price': 'the key has a budget, and the model has no price', 'refusal.unknown_path': 'there is nothing at this path', 'refusal.wrong_method': 'the path does not take this method',
  'refusal.not_served': 'this call is not served', 'refusal.too_many_headers': 'there are too many headers', 'refusal.media_type': 'the content type is not served', 'refusal.body_too_large': 'the body is too large', 'refusal.body_too_slow': 'the body came too slowly', 'refusal.no_room': 'the gateway holds as many bodies as it may',
  'refusal.bad_body': 'the body is not what it says to be', 'refusal.bad_request': 'the body is no request of this format', 'refusal.no_model': 'the request names no model', 'refusal.unknown_model': 'there is no model of this name', 'refusal.disabled_model': 'the model is disabled', 'refusal.incapable': 'no endpoint can do what the request needs',
  'refusal.cooling': 'every endpoint is cooling', 'refusal.quota_spent': 'the quota of every endpoint is used up', 'refusal.keys_limited': 'every key waits for a rate limit of its vendor', 'refusal.attempts_failed': 'every attempt has failed', 'refusal.out_of_time': 'the time for the whole request was over',
  'limit.rpm': 'requests per minute', 'limit.tpm': 'tokens per minute', 'limit.concurrency': 'requests at once', 'limit.requests': 'requests (quota)', 'limit.tokens': 'tokens (quota)', 'limit.budget': 'cost (budget)',
  'copy.copy': 'Copy', 'copy.done': 'Copied', 'copy.failed': 'Could not copy',
  'table.none': 'Nothing to show', 'chart.empty': 'No data in this time',
  'drag.grip': 'Move {name}', 'drag.how': 'Drag, or use the arrow keys', 'drag.moved': '{name}: place {n} in {lane}',
  'meter.of': '{used} of {limit}', 'meter.unlimited': '{used}, no limit',
  'state.loading': 'Loading', 'state.ok': 'OK', 'state.up': 'Up', 'state.well': 'Well', 'state.healthy': 'Healthy', 'state.closed': 'Well', 'state.half_open': 'On trial',
  'state.cooling': 'Cooling down', 'state.open': 'Circuit open', 'state.down': 'Down', 'state.refused': 'Refused', 'state.failed': 'Failed', 'state.unhealthy': 'Unhealthy',
  'state.disabled': 'Disabled', 'state.enabled': 'Enabled', 'state.active': 'Active', 'state.unknown': 'Unknown', 'state.revoked': 'Revoked', 'state.expired': 'Expired',
  'state.used_up': 'Quota used up', 'state.exhausted': 'Quota used up', 'state.degraded': 'Degraded',
  'pool.(exposed)': 'Real names',
  'home.file': 'In the file', 'home.environment': 'From the environment', 'home.shadowed': 'Shadowed', 'home.builtin': 'Built in',
  'home.file.how': 'Declared in the configuration file: change it there. The gateway reads it again by itself.', 'home.environment.how': 'Set by an environment variable: change it there.',
  'home.shadowed.how': 'The configuration file declares the same name, and wins. Remove it there to put this one in force.', 'home.builtin.how': 'Comes with the gateway. Make one of the same name to replace it.',
  'error.title': 'This did not load', 'error.unreachable': 'The gateway does not answer. Is it running?', 'error.away': 'The database does not answer.', 'error.unknown': 'Something went wrong.',
  'notfound.title': 'No such page', 'notfound.text': 'The address may be from another version of the gateway.', 'notfound.home': 'To the dashboard',
  'unit.ms': '{n} ms', 'unit.s': '{n} s', 'unit.min': '{n} min', 'unit.h': '{n} h', 'unit.d': '{n} d', 'unit.tokens': '{n} tokens',
  'unit.per_s.req': '{n} req/s', 'unit.per_s.tok': '{n} tok/s', 'unit.per_s.bytes': '{n} B/s',
};
