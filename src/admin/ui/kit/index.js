/** The kit. Charts (`kit/chart.js`) and lists that are dragged (`kit/draglist.js`) are imported by the pages that have them. */
export { Icon } from './icons.js';
export { Button, IconButton } from './button.js';
export { Field, Input, NumberInput, Secret, Textarea, Select, Form, Problem } from './field.js';
export { Switch, Checkbox, Segmented } from './choice.js';
export { Combobox } from './combobox.js';
export { Tags } from './tags.js';
export { Dot, State, Badge, Status, Chip, Home, toneOf } from './sign.js';
export { Table } from './table.js';
export { VirtualList, VirtualTable, useNarrow } from './virtual.js';
export { Dialog, Drawer, confirm, conflict } from './dialog.js';
export { toast } from './toast.js';
export { Menu, Popover, Tooltip } from './menu.js';
export { Tabs, TabPanel } from './tabs.js';
export { CopyButton, Code, Copyable } from './copy.js';
export { Empty, Failed, Skeleton, Loaded, Notice } from './states.js';
export { Meter, Share } from './meter.js';
export { Page, Section, KeyValues, Figure, Help, Folded } from './layout.js';
