<?php
if (getenv('SMTP') && getenv('FROM')) {
  $CONFIG = array (
    'mail_smtphost' => getenv('SMTP'),
    'mail_smtpport' => getenv('SMTP_PORT') ?: (getenv('SMTP_SECURE') ? 465 : 25),
    'mail_smtpauth' => getenv('SMTP_NAME') && (getenv('SMTP_PASSWORD') || getenv('SMTP_PASSWORD_FILE')),
  );
  if (getenv('SMTP_PASSWORD_FILE')) { $CONFIG['pw'] = trim(file_get_contents(getenv('SMTP_PASSWORD_FILE'))); } else { $CONFIG['pw'] = ''; }
}
