-- ringfence: transaction: none
-- Undoes 0011: what was validated waits for it again.

ALTER TABLE messaging.whatsapp_campaigns DROP CONSTRAINT chk_whatsapp_campaigns_currency;
ALTER TABLE messaging.whatsapp_campaigns
    ADD CONSTRAINT chk_whatsapp_campaigns_currency CHECK (currency ~ '^[A-Z]{3}$') NOT VALID;

ALTER TABLE messaging.whatsapp_campaigns DROP CONSTRAINT chk_whatsapp_campaigns_cost;
ALTER TABLE messaging.whatsapp_campaigns
    ADD CONSTRAINT chk_whatsapp_campaigns_cost CHECK (estimated_cost >= 0) NOT VALID;

ALTER TABLE messaging.whatsapp_campaigns DROP CONSTRAINT chk_whatsapp_campaigns_counts;
ALTER TABLE messaging.whatsapp_campaigns
    ADD CONSTRAINT chk_whatsapp_campaigns_counts CHECK (
        total_recipients >= 0 AND sent_count >= 0 AND delivered_count >= 0
        AND read_count >= 0 AND failed_count >= 0 AND opt_out_count >= 0
    ) NOT VALID;

ALTER TABLE messaging.whatsapp_campaigns DROP CONSTRAINT chk_whatsapp_campaigns_config;
ALTER TABLE messaging.whatsapp_campaigns
    ADD CONSTRAINT chk_whatsapp_campaigns_config CHECK (jsonb_typeof(audience_config) = 'object')
    NOT VALID;

ALTER TABLE messaging.whatsapp_campaigns DROP CONSTRAINT chk_whatsapp_campaigns_params;
ALTER TABLE messaging.whatsapp_campaigns
    ADD CONSTRAINT chk_whatsapp_campaigns_params CHECK (jsonb_typeof(template_params) = 'object')
    NOT VALID;

ALTER TABLE messaging.whatsapp_campaigns DROP CONSTRAINT fk_whatsapp_campaigns_template;
ALTER TABLE messaging.whatsapp_campaigns
    ADD CONSTRAINT fk_whatsapp_campaigns_template
    FOREIGN KEY (tenant_id, account_id, template_id)
    REFERENCES messaging.whatsapp_templates (tenant_id, account_id, id) NOT VALID;

ALTER TABLE messaging.whatsapp_campaigns DROP CONSTRAINT fk_whatsapp_campaigns_account;
ALTER TABLE messaging.whatsapp_campaigns
    ADD CONSTRAINT fk_whatsapp_campaigns_account
    FOREIGN KEY (tenant_id, account_id) REFERENCES messaging.whatsapp_accounts (tenant_id, id)
    NOT VALID;

ALTER TABLE messaging.chatbot_sessions DROP CONSTRAINT chk_chatbot_sessions_messages;
ALTER TABLE messaging.chatbot_sessions
    ADD CONSTRAINT chk_chatbot_sessions_messages CHECK (messages_processed >= 0) NOT VALID;

ALTER TABLE messaging.chatbot_sessions DROP CONSTRAINT chk_chatbot_sessions_context;
ALTER TABLE messaging.chatbot_sessions
    ADD CONSTRAINT chk_chatbot_sessions_context CHECK (jsonb_typeof(context) = 'object') NOT VALID;

ALTER TABLE messaging.chatbot_sessions DROP CONSTRAINT fk_chatbot_sessions_node;
ALTER TABLE messaging.chatbot_sessions
    ADD CONSTRAINT fk_chatbot_sessions_node
    FOREIGN KEY (tenant_id, flow_id, current_node_id)
    REFERENCES messaging.chatbot_nodes (tenant_id, flow_id, id) NOT VALID;

ALTER TABLE messaging.chatbot_sessions DROP CONSTRAINT fk_chatbot_sessions_flow;
ALTER TABLE messaging.chatbot_sessions
    ADD CONSTRAINT fk_chatbot_sessions_flow
    FOREIGN KEY (tenant_id, flow_id) REFERENCES messaging.chatbot_flows (tenant_id, id) NOT VALID;

ALTER TABLE messaging.chatbot_sessions DROP CONSTRAINT fk_chatbot_sessions_conversation;
ALTER TABLE messaging.chatbot_sessions
    ADD CONSTRAINT fk_chatbot_sessions_conversation
    FOREIGN KEY (tenant_id, conversation_id)
    REFERENCES messaging.whatsapp_conversations (tenant_id, id) ON DELETE CASCADE NOT VALID;

ALTER TABLE messaging.chatbot_nodes DROP CONSTRAINT chk_chatbot_nodes_position;
ALTER TABLE messaging.chatbot_nodes
    ADD CONSTRAINT chk_chatbot_nodes_position CHECK (jsonb_typeof(position) = 'object') NOT VALID;

ALTER TABLE messaging.chatbot_nodes DROP CONSTRAINT chk_chatbot_nodes_connections;
ALTER TABLE messaging.chatbot_nodes
    ADD CONSTRAINT chk_chatbot_nodes_connections CHECK (jsonb_typeof(connections) = 'array')
    NOT VALID;

ALTER TABLE messaging.chatbot_nodes DROP CONSTRAINT chk_chatbot_nodes_config;
ALTER TABLE messaging.chatbot_nodes
    ADD CONSTRAINT chk_chatbot_nodes_config CHECK (jsonb_typeof(config) = 'object') NOT VALID;

ALTER TABLE messaging.chatbot_nodes DROP CONSTRAINT fk_chatbot_nodes_flow;
ALTER TABLE messaging.chatbot_nodes
    ADD CONSTRAINT fk_chatbot_nodes_flow
    FOREIGN KEY (tenant_id, flow_id)
    REFERENCES messaging.chatbot_flows (tenant_id, id) ON DELETE CASCADE NOT VALID;

ALTER TABLE messaging.chatbot_flows DROP CONSTRAINT chk_chatbot_flows_sessions;
ALTER TABLE messaging.chatbot_flows
    ADD CONSTRAINT chk_chatbot_flows_sessions
    CHECK (total_sessions >= 0 AND completed_sessions >= 0)
    NOT VALID;

ALTER TABLE messaging.chatbot_flows DROP CONSTRAINT chk_chatbot_flows_config;
ALTER TABLE messaging.chatbot_flows
    ADD CONSTRAINT chk_chatbot_flows_config CHECK (jsonb_typeof(trigger_config) = 'object')
    NOT VALID;

ALTER TABLE messaging.whatsapp_messages DROP CONSTRAINT fk_whatsapp_messages_conversation;
ALTER TABLE messaging.whatsapp_messages
    ADD CONSTRAINT fk_whatsapp_messages_conversation
    FOREIGN KEY (tenant_id, conversation_id)
    REFERENCES messaging.whatsapp_conversations (tenant_id, id) ON DELETE CASCADE NOT VALID;

ALTER TABLE messaging.whatsapp_conversations DROP CONSTRAINT chk_whatsapp_conversations_direction;
ALTER TABLE messaging.whatsapp_conversations
    ADD CONSTRAINT chk_whatsapp_conversations_direction CHECK (last_message_direction IN (
        'inbound', 'outbound'
    )) NOT VALID;

ALTER TABLE messaging.whatsapp_conversations DROP CONSTRAINT chk_whatsapp_conversations_unread;
ALTER TABLE messaging.whatsapp_conversations
    ADD CONSTRAINT chk_whatsapp_conversations_unread CHECK (unread_count >= 0) NOT VALID;

ALTER TABLE messaging.whatsapp_conversations DROP CONSTRAINT fk_whatsapp_conversations_assigned;
ALTER TABLE messaging.whatsapp_conversations
    ADD CONSTRAINT fk_whatsapp_conversations_assigned
    FOREIGN KEY (tenant_id, assigned_user_id) REFERENCES core_users.users (tenant_id, id) NOT VALID;

ALTER TABLE messaging.whatsapp_conversations DROP CONSTRAINT fk_whatsapp_conversations_contact;
ALTER TABLE messaging.whatsapp_conversations
    ADD CONSTRAINT fk_whatsapp_conversations_contact
    FOREIGN KEY (tenant_id, contact_id) REFERENCES core_catalogs.contacts (tenant_id, id) NOT VALID;

ALTER TABLE messaging.whatsapp_conversations DROP CONSTRAINT fk_whatsapp_conversations_account;
ALTER TABLE messaging.whatsapp_conversations
    ADD CONSTRAINT fk_whatsapp_conversations_account
    FOREIGN KEY (tenant_id, account_id)
    REFERENCES messaging.whatsapp_accounts (tenant_id, id) ON DELETE CASCADE NOT VALID;

ALTER TABLE messaging.whatsapp_templates DROP CONSTRAINT chk_whatsapp_templates_components;
ALTER TABLE messaging.whatsapp_templates
    ADD CONSTRAINT chk_whatsapp_templates_components CHECK (jsonb_typeof(components) = 'array')
    NOT VALID;

ALTER TABLE messaging.whatsapp_templates DROP CONSTRAINT chk_whatsapp_templates_language;
ALTER TABLE messaging.whatsapp_templates
    ADD CONSTRAINT chk_whatsapp_templates_language CHECK (language ~ '^[a-z]{2,3}(_[A-Z]{2})?$')
    NOT VALID;

ALTER TABLE messaging.whatsapp_templates DROP CONSTRAINT fk_whatsapp_templates_account;
ALTER TABLE messaging.whatsapp_templates
    ADD CONSTRAINT fk_whatsapp_templates_account
    FOREIGN KEY (tenant_id, account_id)
    REFERENCES messaging.whatsapp_accounts (tenant_id, id) ON DELETE CASCADE NOT VALID;

ALTER TABLE messaging.whatsapp_accounts DROP CONSTRAINT chk_whatsapp_accounts_limit;
ALTER TABLE messaging.whatsapp_accounts
    ADD CONSTRAINT chk_whatsapp_accounts_limit CHECK (messaging_limit IN (
        'tier_1', 'tier_2', 'tier_3', 'unlimited'
    )) NOT VALID;

ALTER TABLE messaging.chatbot_sessions
    ADD CONSTRAINT chk_chatbot_sessions_has_tenant CHECK (tenant_id IS NOT NULL) NOT VALID;
ALTER TABLE messaging.chatbot_sessions ALTER COLUMN tenant_id DROP NOT NULL;
ALTER TABLE messaging.chatbot_nodes
    ADD CONSTRAINT chk_chatbot_nodes_has_tenant CHECK (tenant_id IS NOT NULL) NOT VALID;
ALTER TABLE messaging.chatbot_nodes ALTER COLUMN tenant_id DROP NOT NULL;
ALTER TABLE messaging.whatsapp_messages
    ADD CONSTRAINT chk_whatsapp_messages_has_tenant CHECK (tenant_id IS NOT NULL) NOT VALID;
ALTER TABLE messaging.whatsapp_messages ALTER COLUMN tenant_id DROP NOT NULL;
ALTER TABLE messaging.whatsapp_conversations
    ADD CONSTRAINT chk_whatsapp_conversations_has_tenant CHECK (tenant_id IS NOT NULL) NOT VALID;
ALTER TABLE messaging.whatsapp_conversations ALTER COLUMN tenant_id DROP NOT NULL;
ALTER TABLE messaging.whatsapp_templates
    ADD CONSTRAINT chk_whatsapp_templates_has_tenant CHECK (tenant_id IS NOT NULL) NOT VALID;
ALTER TABLE messaging.whatsapp_templates ALTER COLUMN tenant_id DROP NOT NULL;
