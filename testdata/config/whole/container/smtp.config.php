<?php
if (getenv('SMTP_HOST') && getenv('MAIL_FROM_ADDRESS')) {
  $CONFIG = array ('mail_smtphost' => getenv('SMTP_HOST'));
}
