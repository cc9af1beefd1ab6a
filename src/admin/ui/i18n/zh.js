/** 外壳与组件的文案。 */
import connect from './zh/connect.js';
import dashboard from './zh/dashboard.js';
import keys from './zh/keys.js';
import models from './zh/models.js';
import playground from './zh/playground.js';
import providers from './zh/providers.js';
import requests from './zh/requests.js';
import routes from './zh/routes.js';
import settings from './zh/settings.js';

export default {
  ...connect, ...dashboard, ...keys, ...models, ...playground, ...providers, ...requests, ...routes, ...settings,
  'nav.label': '页面', 'nav.open': '打开导航', 'nav.skip': '跳到正文', 'nav.docs': 'API 文档',
  'nav.dashboard': '概览', 'nav.providers': '供应商', 'nav.models': '模型', 'nav.routes': '路由', 'nav.keys': '密钥与租户',
  'nav.requests': '请求', 'nav.playground': '试验台', 'nav.connect': '接入', 'nav.settings': '设置', 'nav.styleguide': '样式指南',
  'header.language': '语言', 'header.theme': '主题', 'header.account': '账户', 'header.password': '修改密码', 'header.signout': '退出登录',
  'theme.auto': '跟随系统', 'theme.light': '浅色', 'theme.dark': '深色',
  'role.admin': '管理员', 'role.viewer': '只读',
  'live.on': '实时', 'live.connecting': '连接中', 'live.off': '离线',
  'live.on.how': '已连接：数据每秒更新', 'live.connecting.how': '连接已断开，正在重试', 'live.lost': '自 {time} 起连接中断，当前显示的是断开前的数据。', 'live.off.how': '未连接：数据不再更新',
  'signin.title': '登录 Tidegate', 'signin.lead': '网关控制台', 'signin.account': '账户', 'signin.password': '密码', 'signin.go': '登录',
  'signin.wrong': '账户或密码错误。', 'signin.wait.title': '尝试次数过多', 'signin.wait': '请在 {time}后重试。',
  'signin.first': '首次启动？', 'signin.first.text': '网关已创建账户 {user}，并生成随机密码。密码只在启动它的终端显示一次，请查看最初的几行输出。',
  'signin.first.env': '也可以在环境变量或 .env 文件中设置 {variable}：几秒内即成为新密码，无需重启。',
  'signin.again': '会话已结束', 'signin.again.text': '重新登录即可从原处继续，内容不会丢失。', 'signin.other': '使用其他账户',
  'do.cancel': '取消', 'do.close': '关闭', 'do.save': '保存', 'do.delete': '删除', 'do.edit': '编辑', 'do.add': '添加', 'do.remove': '移除', 'do.clear': '清除',
  'do.retry': '重试', 'do.undo': '撤销', 'do.dismiss': '忽略', 'do.done': '完成', 'do.create': '创建', 
  'do.more': '更多操作', 'do.reset': '重置', 'do.enable': '启用', 'do.disable': '停用', 
  'field.optional': '选填', 'field.show': '显示', 'field.hide': '隐藏',
  'combobox.none': '没有匹配项', 'combobox.free': '按回车使用输入的内容', 'combobox.more': '{n, plural, other {还有 # 项}}，继续输入以缩小范围',
  'tags.added': '已添加：{name}', 'tags.removed': '已移除：{name}', 'tags.remove': '移除 {name}',
  'confirm.type': '输入 {name} 以确认',
  'diff.field': '字段', 'diff.before': '之前', 'diff.after': '之后', 'diff.value': '值',
  'conflict.differs': '你的版本相对对方版本的改动', 'conflict.same': '现有内容与你的版本相同。', 'conflict.gone': '在你打开之后，有人删除了 {name}。',
  'conflict.title': '内容已被更改', 'conflict.text': '在你打开之后，有人更改了 {name}。', 'conflict.theirs': '查看对方的版本', 'conflict.mine': '保留我的版本',
  'reason.asked': '已请求', 'reason.not_reached': '未轮到', 'reason.cooling': '失败后冷却中', 'reason.open': '连续失败，已熔断', 'reason.probing': '试探中：由另一请求探测', 'reason.keys': '全部密钥冷却中', 'reason.limited': '全部密钥因限流等待中',
  'reason.quota': '剩余配额不足以处理该请求', 'reason.spent': '已被该请求放弃', 'reason.crowded': '属于该会话，但负载已超出份额', 'reason.disabled': '已停用', 'reason.format': '没有可表达该请求的格式', 'reason.streaming': '不支持流式',
  'reason.non_streaming': '仅支持流式', 'reason.tools': '不支持工具', 'reason.images': '不支持图片', 'reason.prefill': '不支持续写已有回答', 'reason.context': '上下文长度不足', 'reason.credential': '调用方凭据属于其他供应商', 'reason.whole_quota': '总配额过小',
  'reason.incapable': '能力不符',
  'reason.unresolved': '该主机名无法解析。', 'reason.unconnected': '该地址拒绝连接。', 'reason.tls': '无法建立安全连接，请检查证书是否有效。', 'reason.timeout': '未在规定时间内作答。', 'reason.broken': '连接中断，没有有效的回答。', 'reason.key_refused': '供应商拒绝了此密钥。',
  'reason.unpaid': '供应商要求为该密钥的账户付费。', 'reason.no_list_there': '该地址没有模型列表（404），请检查地址是否正确。', 'reason.not_a_list': '该地址返回的不是模型列表，请检查地址是否正确。', 'reason.unknown_model': '没有此模型。', 'reason.rate_limited': '供应商限制了请求频率。', 'reason.overloaded': '供应商负载过高。', 'reason.vendor_error': '供应商返回了错误。',
  'refusal.no_key': '未提供客户端密钥', 'refusal.unknown_key': '客户端密钥无法识别', 'refusal.expired_key': '客户端密钥已过期', 'refusal.disabled_key': '客户端密钥已停用', 'refusal.disabled_tenant': '租户已停用', 'refusal.loopback_only': '尚无客户端密钥，只接受本机调用',
  'refusal.database_unread': '数据库尚未读取', 'refusal.model_not_allowed': '该客户端密钥无权使用此模型', 'refusal.limit_exceeded': '已达到上限', 'refusal.no_price': '密钥设有预算，但模型没有价格', 'refusal.unknown_path': '路径不存在', 'refusal.wrong_method': '该路径不接受此方法',
  'refusal.not_served': '不提供此调用', 'refusal.too_many_headers': '请求头过多', 'refusal.media_type': '不支持该内容类型', 'refusal.body_too_large': '请求体过大', 'refusal.body_too_slow': '请求体发送过慢', 'refusal.no_room': '网关暂存的请求体已达上限',
  'refusal.bad_body': '请求体与其声明不符', 'refusal.bad_request': '请求体不是该格式的有效请求', 'refusal.no_model': '请求未指定模型', 'refusal.unknown_model': '没有该名称的模型', 'refusal.disabled_model': '模型已停用', 'refusal.incapable': '没有端点具备所需能力',
  'refusal.cooling': '所有端点都在冷却', 'refusal.quota_spent': '所有端点的配额均已用尽', 'refusal.keys_limited': '所有密钥都在等待供应商限流结束', 'refusal.attempts_failed': '所有尝试均告失败', 'refusal.out_of_time': '整个请求的时限已到',
  'limit.rpm': '每分钟请求数', 'limit.tpm': '每分钟 Token 数', 'limit.concurrency': '并发请求数', 'limit.requests': '请求配额', 'limit.tokens': 'Token 配额', 'limit.budget': '预算',
  'copy.copy': '复制', 'copy.done': '已复制', 'copy.failed': '复制失败',
  'table.none': '暂无内容', 'chart.empty': '此时段没有数据',
  'drag.grip': '移动 {name}', 'drag.how': '拖动，或使用方向键', 'drag.moved': '{name}：位于 {lane} 的第 {n} 位',
  'meter.of': '{used} / {limit}', 'meter.unlimited': '{used}，不限',
  'state.loading': '加载中', 'state.ok': '正常', 'state.up': '正常', 'state.well': '正常', 'state.healthy': '健康', 'state.closed': '正常', 'state.half_open': '试探中',
  'state.cooling': '冷却中', 'state.open': '已熔断', 'state.down': '不可用', 'state.refused': '被拒绝', 'state.failed': '失败', 'state.unhealthy': '不健康',
  'state.disabled': '已停用', 'state.enabled': '已启用', 'state.active': '有效', 'state.unknown': '未知', 'state.revoked': '已吊销', 'state.expired': '已过期',
  'state.used_up': '配额已用尽', 'state.exhausted': '配额已用尽', 'state.degraded': '降级',
  'pool.(exposed)': '真实名称',
  'home.file': '来自配置文件', 'home.environment': '来自环境变量', 'home.shadowed': '被遮蔽', 'home.builtin': '内置',
  'home.file.how': '在配置文件中声明：请在文件中修改，网关会自动重新读取。', 'home.environment.how': '由环境变量设定：请在环境中修改。',
  'home.shadowed.how': '配置文件中有同名声明，以文件为准。从文件中移除后，此项才会生效。', 'home.builtin.how': '网关自带。创建同名项即可替换。',
  'error.title': '加载失败', 'error.unreachable': '网关没有响应，它是否在运行？', 'error.away': '数据库没有响应。', 'error.unknown': '出错了。',
  'notfound.title': '页面不存在', 'notfound.text': '该地址可能来自其他版本的网关。', 'notfound.home': '回到概览',
  'unit.ms': '{n} 毫秒', 'unit.s': '{n} 秒', 'unit.min': '{n} 分', 'unit.h': '{n} 小时', 'unit.d': '{n} 天', 'unit.tokens': '{n} Token',
  'unit.per_s.req': '{n} 次/秒', 'unit.per_s.tok': '{n} Token/秒', 'unit.per_s.bytes': '{n} B/秒',
};
