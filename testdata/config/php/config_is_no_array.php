<?php
$CONFIG = 'text';
