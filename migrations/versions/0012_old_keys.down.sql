-- ringfence: transaction: none
-- Undoes 0012.

CREATE INDEX CONCURRENTLY idx_whatsapp_campaigns_account
    ON messaging.whatsapp_campaigns (account_id);
CREATE INDEX CONCURRENTLY idx_whatsapp_campaigns_tenant ON messaging.whatsapp_campaigns (tenant_id);
CREATE INDEX CONCURRENTLY idx_chatbot_sessions_flow ON messaging.chatbot_sessions (flow_id);
CREATE INDEX CONCURRENTLY idx_chatbot_sessions_conversation
    ON messaging.chatbot_sessions (conversation_id);
CREATE INDEX CONCURRENTLY idx_chatbot_nodes_flow ON messaging.chatbot_nodes (flow_id);
CREATE INDEX CONCURRENTLY idx_chatbot_flows_tenant ON messaging.chatbot_flows (tenant_id);
CREATE INDEX CONCURRENTLY idx_whatsapp_messages_date
    ON messaging.whatsapp_messages (created_at DESC);
CREATE INDEX CONCURRENTLY idx_whatsapp_messages_conversation
    ON messaging.whatsapp_messages (conversation_id);
CREATE INDEX CONCURRENTLY idx_whatsapp_conversations_last_message
    ON messaging.whatsapp_conversations (last_message_at DESC);
CREATE INDEX CONCURRENTLY idx_whatsapp_conversations_assigned
    ON messaging.whatsapp_conversations (assigned_user_id);
CREATE INDEX CONCURRENTLY idx_whatsapp_conversations_contact
    ON messaging.whatsapp_conversations (contact_id);
CREATE INDEX CONCURRENTLY idx_whatsapp_conversations_account
    ON messaging.whatsapp_conversations (account_id);
CREATE INDEX CONCURRENTLY idx_whatsapp_templates_account
    ON messaging.whatsapp_templates (account_id);
CREATE INDEX CONCURRENTLY idx_whatsapp_accounts_tenant ON messaging.whatsapp_accounts (tenant_id);
CREATE INDEX CONCURRENTLY idx_contacts_tenant ON core_catalogs.contacts (tenant_id);

ALTER TABLE messaging.whatsapp_campaigns
    ADD CONSTRAINT whatsapp_campaigns_template_id_fkey FOREIGN KEY (template_id)
    REFERENCES messaging.whatsapp_templates (id) NOT VALID;
ALTER TABLE messaging.whatsapp_campaigns VALIDATE CONSTRAINT whatsapp_campaigns_template_id_fkey;
ALTER TABLE messaging.whatsapp_campaigns
    ADD CONSTRAINT whatsapp_campaigns_account_id_fkey FOREIGN KEY (account_id)
    REFERENCES messaging.whatsapp_accounts (id) NOT VALID;
ALTER TABLE messaging.whatsapp_campaigns VALIDATE CONSTRAINT whatsapp_campaigns_account_id_fkey;
ALTER TABLE messaging.chatbot_sessions
    ADD CONSTRAINT chatbot_sessions_current_node_id_fkey FOREIGN KEY (current_node_id)
    REFERENCES messaging.chatbot_nodes (id) NOT VALID;
ALTER TABLE messaging.chatbot_sessions VALIDATE CONSTRAINT chatbot_sessions_current_node_id_fkey;
ALTER TABLE messaging.chatbot_sessions
    ADD CONSTRAINT chatbot_sessions_flow_id_fkey FOREIGN KEY (flow_id)
    REFERENCES messaging.chatbot_flows (id) NOT VALID;
ALTER TABLE messaging.chatbot_sessions VALIDATE CONSTRAINT chatbot_sessions_flow_id_fkey;
ALTER TABLE messaging.chatbot_sessions
    ADD CONSTRAINT chatbot_sessions_conversation_id_fkey FOREIGN KEY (conversation_id)
    REFERENCES messaging.whatsapp_conversations (id) ON DELETE CASCADE NOT VALID;
ALTER TABLE messaging.chatbot_sessions VALIDATE CONSTRAINT chatbot_sessions_conversation_id_fkey;
ALTER TABLE messaging.chatbot_nodes
    ADD CONSTRAINT chatbot_nodes_flow_id_fkey FOREIGN KEY (flow_id)
    REFERENCES messaging.chatbot_flows (id) ON DELETE CASCADE NOT VALID;
ALTER TABLE messaging.chatbot_nodes VALIDATE CONSTRAINT chatbot_nodes_flow_id_fkey;
ALTER TABLE messaging.whatsapp_messages
    ADD CONSTRAINT whatsapp_messages_conversation_id_fkey FOREIGN KEY (conversation_id)
    REFERENCES messaging.whatsapp_conversations (id) ON DELETE CASCADE NOT VALID;
ALTER TABLE messaging.whatsapp_messages VALIDATE CONSTRAINT whatsapp_messages_conversation_id_fkey;
ALTER TABLE messaging.whatsapp_conversations
    ADD CONSTRAINT whatsapp_conversations_assigned_user_id_fkey FOREIGN KEY (assigned_user_id)
    REFERENCES core_users.users (id) NOT VALID;
ALTER TABLE messaging.whatsapp_conversations
    VALIDATE CONSTRAINT whatsapp_conversations_assigned_user_id_fkey;
ALTER TABLE messaging.whatsapp_conversations
    ADD CONSTRAINT whatsapp_conversations_contact_id_fkey FOREIGN KEY (contact_id)
    REFERENCES core_catalogs.contacts (id) NOT VALID;
ALTER TABLE messaging.whatsapp_conversations
    VALIDATE CONSTRAINT whatsapp_conversations_contact_id_fkey;
ALTER TABLE messaging.whatsapp_conversations
    ADD CONSTRAINT whatsapp_conversations_account_id_fkey FOREIGN KEY (account_id)
    REFERENCES messaging.whatsapp_accounts (id) ON DELETE CASCADE NOT VALID;
ALTER TABLE messaging.whatsapp_conversations
    VALIDATE CONSTRAINT whatsapp_conversations_account_id_fkey;
ALTER TABLE messaging.whatsapp_templates
    ADD CONSTRAINT whatsapp_templates_account_id_fkey FOREIGN KEY (account_id)
    REFERENCES messaging.whatsapp_accounts (id) ON DELETE CASCADE NOT VALID;
ALTER TABLE messaging.whatsapp_templates VALIDATE CONSTRAINT whatsapp_templates_account_id_fkey;
