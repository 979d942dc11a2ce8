-- ringfence: transaction: none
-- 0010: what 1.1 demands of every row, of those that are written from now on first: NOT VALID reads
-- none of those that are there.

ALTER TABLE core_users.users ADD CONSTRAINT uq_users_tenant UNIQUE USING INDEX uq_users_tenant;
ALTER TABLE core_catalogs.contacts
    ADD CONSTRAINT uq_contacts_tenant UNIQUE USING INDEX uq_contacts_tenant;
ALTER TABLE messaging.whatsapp_accounts
    ADD CONSTRAINT uq_whatsapp_accounts_tenant UNIQUE USING INDEX uq_whatsapp_accounts_tenant;
ALTER TABLE messaging.whatsapp_templates
    ADD CONSTRAINT uq_whatsapp_templates_tenant UNIQUE USING INDEX uq_whatsapp_templates_tenant;
ALTER TABLE messaging.whatsapp_conversations
    ADD CONSTRAINT uq_whatsapp_conversations_tenant
    UNIQUE USING INDEX uq_whatsapp_conversations_tenant;
ALTER TABLE messaging.chatbot_flows
    ADD CONSTRAINT uq_chatbot_flows_tenant UNIQUE USING INDEX uq_chatbot_flows_tenant;
ALTER TABLE messaging.chatbot_nodes
    ADD CONSTRAINT uq_chatbot_nodes_tenant UNIQUE USING INDEX uq_chatbot_nodes_tenant;

ALTER TABLE messaging.whatsapp_templates
    ADD CONSTRAINT chk_whatsapp_templates_has_tenant CHECK (tenant_id IS NOT NULL) NOT VALID;
ALTER TABLE messaging.whatsapp_conversations
    ADD CONSTRAINT chk_whatsapp_conversations_has_tenant CHECK (tenant_id IS NOT NULL) NOT VALID;
ALTER TABLE messaging.whatsapp_messages
    ADD CONSTRAINT chk_whatsapp_messages_has_tenant CHECK (tenant_id IS NOT NULL) NOT VALID;
ALTER TABLE messaging.chatbot_nodes
    ADD CONSTRAINT chk_chatbot_nodes_has_tenant CHECK (tenant_id IS NOT NULL) NOT VALID;
ALTER TABLE messaging.chatbot_sessions
    ADD CONSTRAINT chk_chatbot_sessions_has_tenant CHECK (tenant_id IS NOT NULL) NOT VALID;

ALTER TABLE messaging.whatsapp_accounts
    ADD CONSTRAINT chk_whatsapp_accounts_limit CHECK (messaging_limit IN (
        'tier_1', 'tier_2', 'tier_3', 'unlimited'
    )) NOT VALID;

ALTER TABLE messaging.whatsapp_templates
    ADD CONSTRAINT fk_whatsapp_templates_account
    FOREIGN KEY (tenant_id, account_id)
    REFERENCES messaging.whatsapp_accounts (tenant_id, id) ON DELETE CASCADE NOT VALID;

ALTER TABLE messaging.whatsapp_templates
    ADD CONSTRAINT chk_whatsapp_templates_language CHECK (language ~ '^[a-z]{2,3}(_[A-Z]{2})?$')
    NOT VALID;

ALTER TABLE messaging.whatsapp_templates
    ADD CONSTRAINT chk_whatsapp_templates_components CHECK (jsonb_typeof(components) = 'array')
    NOT VALID;

ALTER TABLE messaging.whatsapp_conversations
    ADD CONSTRAINT fk_whatsapp_conversations_account
    FOREIGN KEY (tenant_id, account_id)
    REFERENCES messaging.whatsapp_accounts (tenant_id, id) ON DELETE CASCADE NOT VALID;

ALTER TABLE messaging.whatsapp_conversations
    ADD CONSTRAINT fk_whatsapp_conversations_contact
    FOREIGN KEY (tenant_id, contact_id) REFERENCES core_catalogs.contacts (tenant_id, id) NOT VALID;

ALTER TABLE messaging.whatsapp_conversations
    ADD CONSTRAINT fk_whatsapp_conversations_assigned
    FOREIGN KEY (tenant_id, assigned_user_id) REFERENCES core_users.users (tenant_id, id) NOT VALID;

ALTER TABLE messaging.whatsapp_conversations
    ADD CONSTRAINT chk_whatsapp_conversations_unread CHECK (unread_count >= 0) NOT VALID;

ALTER TABLE messaging.whatsapp_conversations
    ADD CONSTRAINT chk_whatsapp_conversations_direction CHECK (last_message_direction IN (
        'inbound', 'outbound'
    )) NOT VALID;

ALTER TABLE messaging.whatsapp_messages
    ADD CONSTRAINT fk_whatsapp_messages_conversation
    FOREIGN KEY (tenant_id, conversation_id)
    REFERENCES messaging.whatsapp_conversations (tenant_id, id) ON DELETE CASCADE NOT VALID;

ALTER TABLE messaging.chatbot_flows
    ADD CONSTRAINT chk_chatbot_flows_config CHECK (jsonb_typeof(trigger_config) = 'object')
    NOT VALID;

ALTER TABLE messaging.chatbot_flows
    ADD CONSTRAINT chk_chatbot_flows_sessions
    CHECK (total_sessions >= 0 AND completed_sessions >= 0)
    NOT VALID;

ALTER TABLE messaging.chatbot_nodes
    ADD CONSTRAINT fk_chatbot_nodes_flow
    FOREIGN KEY (tenant_id, flow_id)
    REFERENCES messaging.chatbot_flows (tenant_id, id) ON DELETE CASCADE NOT VALID;

ALTER TABLE messaging.chatbot_nodes
    ADD CONSTRAINT chk_chatbot_nodes_config CHECK (jsonb_typeof(config) = 'object') NOT VALID;

ALTER TABLE messaging.chatbot_nodes
    ADD CONSTRAINT chk_chatbot_nodes_connections CHECK (jsonb_typeof(connections) = 'array')
    NOT VALID;

ALTER TABLE messaging.chatbot_nodes
    ADD CONSTRAINT chk_chatbot_nodes_position CHECK (jsonb_typeof(position) = 'object') NOT VALID;

ALTER TABLE messaging.chatbot_sessions
    ADD CONSTRAINT fk_chatbot_sessions_conversation
    FOREIGN KEY (tenant_id, conversation_id)
    REFERENCES messaging.whatsapp_conversations (tenant_id, id) ON DELETE CASCADE NOT VALID;

ALTER TABLE messaging.chatbot_sessions
    ADD CONSTRAINT fk_chatbot_sessions_flow
    FOREIGN KEY (tenant_id, flow_id) REFERENCES messaging.chatbot_flows (tenant_id, id) NOT VALID;

ALTER TABLE messaging.chatbot_sessions
    ADD CONSTRAINT fk_chatbot_sessions_node
    FOREIGN KEY (tenant_id, flow_id, current_node_id)
    REFERENCES messaging.chatbot_nodes (tenant_id, flow_id, id) NOT VALID;

ALTER TABLE messaging.chatbot_sessions
    ADD CONSTRAINT chk_chatbot_sessions_context CHECK (jsonb_typeof(context) = 'object') NOT VALID;

ALTER TABLE messaging.chatbot_sessions
    ADD CONSTRAINT chk_chatbot_sessions_messages CHECK (messages_processed >= 0) NOT VALID;

ALTER TABLE messaging.whatsapp_campaigns
    ADD CONSTRAINT fk_whatsapp_campaigns_account
    FOREIGN KEY (tenant_id, account_id) REFERENCES messaging.whatsapp_accounts (tenant_id, id)
    NOT VALID;

ALTER TABLE messaging.whatsapp_campaigns
    ADD CONSTRAINT fk_whatsapp_campaigns_template
    FOREIGN KEY (tenant_id, account_id, template_id)
    REFERENCES messaging.whatsapp_templates (tenant_id, account_id, id) NOT VALID;

ALTER TABLE messaging.whatsapp_campaigns
    ADD CONSTRAINT chk_whatsapp_campaigns_params CHECK (jsonb_typeof(template_params) = 'object')
    NOT VALID;

ALTER TABLE messaging.whatsapp_campaigns
    ADD CONSTRAINT chk_whatsapp_campaigns_config CHECK (jsonb_typeof(audience_config) = 'object')
    NOT VALID;

ALTER TABLE messaging.whatsapp_campaigns
    ADD CONSTRAINT chk_whatsapp_campaigns_counts CHECK (
        total_recipients >= 0 AND sent_count >= 0 AND delivered_count >= 0
        AND read_count >= 0 AND failed_count >= 0 AND opt_out_count >= 0
    ) NOT VALID;

ALTER TABLE messaging.whatsapp_campaigns
    ADD CONSTRAINT chk_whatsapp_campaigns_cost CHECK (estimated_cost >= 0) NOT VALID;

ALTER TABLE messaging.whatsapp_campaigns
    ADD CONSTRAINT chk_whatsapp_campaigns_currency CHECK (currency ~ '^[A-Z]{3}$') NOT VALID;
